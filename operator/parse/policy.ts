import { parseByteCount } from "../../base/byte-count.ts";
import { parseDuration } from "../../base/duration.ts";
import type { LabelSelector } from "../../model/filter.ts";
import { API_VERSION } from "../../model/gen/wasmfilter.ts";
import { POLICY_KIND, type WasmPolicy, type WasmPolicySpec } from "../../model/gen/wasmpolicy.ts";
import type { Policy } from "../../model/policy.ts";
import { repositoryPattern } from "../../model/registry-name.ts";
import type { Result } from "../../model/result.ts";
import { whyBeyond } from "./bounds.ts";
import { checkObject, type KindCheck, parseObject } from "./check.ts";
import { isFields } from "./defaults.ts";
import type { Problem } from "./problem.ts";
import { wasmPolicySchema } from "./schema.ts";
import { toSelector } from "./selector.ts";
import { demandProblems, toDemand } from "./verify.ts";

const CHECK: KindCheck = { kind: POLICY_KIND, schema: wasmPolicySchema, sound: imageDemandProblems };

/** Everything that is wrong with a WasmPolicy according to the CRD's schema and rules. Empty: the API server would accept it. */
export function policyProblems(raw: unknown): Problem[] {
  return checkObject(raw, CHECK).problems;
}

/** Turns a raw WasmPolicy, which may be wrong in any way, into a Policy. Fails with reason `InvalidSpec` and every problem. Never throws. The status is ignored. */
export function parsePolicy(raw: unknown): Result<Policy> {
  return parseObject(raw, CHECK, toPolicy);
}

/** For which namespaces a policy is that does not parse. `undefined`: that cannot be read either, and it may be for any. */
export function readNamespaceSelector(raw: unknown): LabelSelector | undefined {
  const selector = isFields(raw) && isFields(raw.spec) ? raw.spec.namespaceSelector : undefined;
  const spec = { urls: "Allow", ...(selector === undefined ? {} : { namespaceSelector: selector }) };
  const isSpec = isFields(raw) && isFields(raw.spec) && whyBeyond(raw) === undefined;
  const probe = isSpec ? parsePolicy({ apiVersion: API_VERSION, kind: POLICY_KIND, metadata: { name: "probe" }, spec }) : undefined;
  return probe?.ok === true ? probe.value.namespaces : undefined;
}

/** Of a spec that passed the schema. */
function imageDemandProblems(spec: unknown): Problem[] {
  const images: readonly unknown[] = isFields(spec) && Array.isArray(spec.images) ? spec.images : [];
  return images.flatMap((image, index) => (isFields(image) ? demandProblems(image.verify, `spec.images[${index}].verify`) : []));
}

function toPolicy({ metadata, spec }: WasmPolicy): Policy {
  const { images, capabilities, slots, maxFiltersPerSlot, maxModuleSize, maxLoad, failurePolicies } = spec;
  return {
    name: metadata.name,
    namespaces: toSelector(spec.namespaceSelector),
    mode: spec.mode ?? "Enforce",
    images: images?.map(({ pattern, digestOnly = false, verify = [] }) => ({
      ...{ pattern: repositoryPattern(pattern), digestOnly },
      verify: verify.map(({ cosign }) => toDemand(cosign)),
    })),
    urls: urlsOf(spec),
    capabilities: capabilities && { allow: capabilities.allow, deny: capabilities.deny ?? [] },
    slots,
    maxFiltersPerSlot,
    maxModuleSize: maxModuleSize === undefined ? undefined : parseByteCount(maxModuleSize),
    maxLoadMs: maxLoad === undefined ? undefined : parseDuration(maxLoad),
    failurePolicies,
  };
}

/** A URL would get around a list of repositories. */
function urlsOf({ urls, images }: WasmPolicySpec): Policy["urls"] {
  return urls ?? (images === undefined ? "Allow" : "Deny");
}
