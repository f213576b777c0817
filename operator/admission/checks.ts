import type { Permits } from "../policy/permits.ts";
import type { AdmissionCheck } from "./check.ts";
import { type ImageDeps, imageCheck } from "./image.ts";
import { policyCheck } from "./policy.ts";
import { type ReachDeps, reachCheck } from "./reach.ts";
import { tagCheck } from "./tag.ts";

export interface CheckDeps extends ImageDeps, ReachDeps {
  readonly permits: Permits;
}

/** What is judged of a WasmFilter, in the order in which it is told. */
export function admissionChecks(deps: CheckDeps): readonly AdmissionCheck[] {
  return [policyCheck(deps.permits), imageCheck(deps), tagCheck, reachCheck(deps)];
}
