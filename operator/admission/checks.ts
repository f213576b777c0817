import type { Permits } from "../policy/permits.ts";
import type { ModuleDeps } from "../resolve/module.ts";
import type { VerifyDeps } from "../resolve/verify.ts";
import type { AdmissionCheck } from "./check.ts";
import { createChoose } from "./choice.ts";
import { type ImageDeps, imageCheck } from "./image.ts";
import { policyCheck } from "./policy.ts";
import { type ReachDeps, reachCheck } from "./reach.ts";
import { signatureCheck } from "./signatures.ts";
import { tagCheck } from "./tag.ts";

export interface CheckDeps extends ImageDeps, ModuleDeps, ReachDeps, VerifyDeps {
  readonly source: VerifyDeps["source"];
  readonly registry: ModuleDeps["registry"];
  readonly permits: Permits;
}

/** What is judged of a WasmFilter, in the order in which it is told. */
export function admissionChecks(deps: CheckDeps): readonly AdmissionCheck[] {
  const choose = createChoose(deps);
  return [policyCheck(deps.permits), imageCheck(choose, deps), signatureCheck(choose, deps), tagCheck, reachCheck(deps)];
}
