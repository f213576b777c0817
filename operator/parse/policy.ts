import { parseByteCount } from "../../base/byte-count.ts";
import { parseDuration } from "../../base/duration.ts";
import { messageOf } from "../../base/error.ts";
import type { LabelSelector } from "../../model/filter.ts";
import { API_VERSION } from "../../model/gen/wasmfilter.ts";
import { POLICY_KIND, type WasmPolicy, type WasmPolicySpec } from "../../model/gen/wasmpolicy.ts";
import type { Policy } from "../../model/policy.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { beyondBounds, whyBeyond } from "./bounds.ts";
import { isFields, withDefaults } from "./defaults.ts";
import { isObjectName } from "./names.ts";
import { describeProblems, type Problem } from "./problem.ts";
import { ruleProblems } from "./rules.ts";
import { wasmPolicySchema } from "./schema.ts";
import { toSelector } from "./selector.ts";
import { structuralProblems } from "./structural.ts";
import { demandProblems, toDemand } from "./verify.ts";

/** Everything that is wrong with a WasmPolicy according to the CRD's schema and rules. Empty: the API server would accept it. */
export function policyProblems(raw: unknown): Problem[] {
  return check(raw).problems;
}

/** Turns a raw WasmPolicy, which may be wrong in any way, into a Policy. Fails with reason `InvalidSpec` and every problem. Never throws. The status is ignored. */
export function parsePolicy(raw: unknown): Result<Policy> {
  try {
    const { object, problems } = check(raw);
    return problems.length > 0 ? fail("InvalidSpec", describeProblems(problems)) : ok(toPolicy(object as WasmPolicy));
  } catch (error) {
    // A bug, which is this object's alone.
    return fail("InvalidSpec", `the object cannot be read: ${messageOf(error)}; change it, and report this`);
  }
}

/** For which namespaces a policy is that does not parse. `undefined`: that cannot be read either, and it may be for any. */
export function readNamespaceSelector(raw: unknown): LabelSelector | undefined {
  const selector = isFields(raw) && isFields(raw.spec) ? raw.spec.namespaceSelector : undefined;
  const spec = { urls: "Allow", ...(selector === undefined ? {} : { namespaceSelector: selector }) };
  const isSpec = isFields(raw) && isFields(raw.spec) && whyBeyond(raw) === undefined;
  const probe = isSpec ? parsePolicy({ apiVersion: API_VERSION, kind: POLICY_KIND, metadata: { name: "probe" }, spec }) : undefined;
  return probe?.ok === true ? probe.value.namespaces : undefined;
}

function check(raw: unknown): { readonly object: unknown; readonly problems: Problem[] } {
  if (!isFields(raw))
    return { object: raw, problems: [{ path: "", message: "not an object; a WasmPolicy has apiVersion, kind, metadata and spec" }] };
  const { status: _, ...rest } = raw;
  const beyond = whyBeyond(raw) ?? beyondBounds(rest);
  if (beyond !== undefined) return { object: raw, problems: [{ path: "", message: `the object is ${beyond}` }] };
  const schema = wasmPolicySchema();
  const object = withDefaults(schema, rest);
  const structural = structuralProblems(schema, object);
  const ruled = structural.length === 0 ? ruleProblems(schema, object, true) : [];
  const demands = structural.length + ruled.length === 0 ? imageDemandProblems(raw.spec) : [];
  return { object, problems: [...identityProblems(raw), ...structural, ...ruled, ...demands] };
}

/** Of a spec that passed the schema. */
function imageDemandProblems(spec: unknown): Problem[] {
  const images: readonly unknown[] = isFields(spec) && Array.isArray(spec.images) ? spec.images : [];
  return images.flatMap((image, index) => (isFields(image) ? demandProblems(image.verify, `spec.images[${index}].verify`) : []));
}

function identityProblems({ apiVersion, kind, metadata }: Readonly<Record<string, unknown>>): Problem[] {
  const problems: Problem[] = [];
  if (apiVersion !== API_VERSION) problems.push({ path: "apiVersion", message: `must be ${API_VERSION}` });
  if (kind !== POLICY_KIND) problems.push({ path: "kind", message: `must be ${POLICY_KIND}` });
  const { name } = isFields(metadata) ? metadata : {};
  if (!isObjectName(name)) {
    problems.push({ path: "metadata.name", message: "must be a name of lower-case letters, digits, '-' and '.', at most 253 characters" });
  }
  return problems;
}

function toPolicy({ metadata, spec }: WasmPolicy): Policy {
  const { images, capabilities, slots, maxFiltersPerSlot, maxModuleSize, maxLoad, failurePolicies } = spec;
  return {
    name: metadata.name,
    namespaces: toSelector(spec.namespaceSelector),
    mode: spec.mode ?? "Enforce",
    images: images?.map(({ pattern, digestOnly = false, verify = [] }) => ({
      ...{ pattern, digestOnly },
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
