import type { Finding } from "../../cluster/index.ts";
import { API_VERSION, KIND, type WasmFilter } from "../../model/gen/wasmfilter.ts";
import { POLICY_KIND } from "../../model/gen/wasmpolicy.ts";
import type { ApiFailure, KubeApi, KubeObject } from "../../model/kube.ts";
import type { Result } from "../../model/result.ts";
import { canonicalRepository } from "../../oci/index.ts";
import { describeViolation, judgeBeforehand, listAll, policyMistakes } from "../../operator/index.ts";
import type { ManifestText } from "./client.ts";

const ABOUT = "policies";

/**
 * What `weir check` says of WasmPolicies: of those that there would be once `manifests` were applied, and of the filters among those. Nothing where the cluster does not
 * have the kind: that is said already.
 */
export async function policyFindings(api: KubeApi, manifests: readonly ManifestText[] = []): Promise<readonly Finding[]> {
  const list = async (path: string): Promise<Result<readonly KubeObject[], ApiFailure>> => {
    const found = await listAll(api, { path }, (item) => item as KubeObject);
    return found.ok ? { ok: true, value: found.value.items } : found;
  };
  const policies = await list(`/apis/${API_VERSION}/wasmpolicies`);
  if (!policies.ok) return policies.error.status === 404 || policies.error.status === 0 ? [] : [unknown(policies.error)];
  const given = (kind: string) =>
    manifests.filter(({ manifest }) => manifest.kind === kind).map(({ manifest }) => manifest as unknown as KubeObject);
  const all = new Map([...policies.value, ...given(POLICY_KIND)].map((policy) => [policy.metadata.name, policy]));
  if (all.size === 0) return [];
  const [namespaces, filters] = await Promise.all([list("/api/v1/namespaces"), list(`/apis/${API_VERSION}/wasmfilters`)]);
  if (!namespaces.ok) return [unknown(namespaces.error)];
  if (!filters.ok) return [unknown(filters.error)];
  const places = new Map([...namespaces.value, ...given("Namespace")].map((namespace) => [namespace.metadata.name, namespace]));
  const asked = given(KIND).map(placed);
  const there = new Map([...filters.value, ...asked].map((filter) => [nameOf(filter), filter]));
  const mistakes = policyMistakes({
    policies: all,
    namespaces: new Map(Array.from(places, ([name, { metadata }]) => [name, (metadata.labels ?? {}) as Record<string, string>])),
    filters: [...there.values()] as unknown as readonly WasmFilter[],
    repositoryOf: canonicalRepository,
  });
  const told = mistakes.map(({ status, message }) => ({ about: ABOUT, status, message }));
  const found = [...told, ...asked.flatMap((filter) => judged(filter, { policies: all, namespaces: places, filters: there }))];
  if (found.length > 0) return found;
  return [{ about: ABOUT, status: "ok", message: `${all.size} of them, each for some namespace, and none against another` }];
}

/** What the policies say of a filter that would be applied. */
function judged(
  filter: KubeObject,
  scene: Readonly<Record<"policies" | "namespaces" | "filters", ReadonlyMap<string, KubeObject>>>,
): Finding[] {
  const held = (objects: ReadonlyMap<string, KubeObject>) => new Map(Array.from(objects, ([id, fields]) => [id, { file: "", fields }]));
  const rules = { policies: held(scene.policies), namespaces: held(scene.namespaces), filters: held(scene.filters) };
  const { violations, unknown: why } = judgeBeforehand(filter, rules, canonicalRepository);
  const what = `WasmFilter ${nameOf(filter)}: `;
  // Of a policy that cannot be read another line tells.
  if (why !== undefined) return [];
  return violations.map((violation) => ({
    about: ABOUT,
    status: violation.mode === "Enforce" ? "fail" : "warn",
    message: `${what}${describeViolation(violation)}`,
  }));
}

function placed(filter: KubeObject): KubeObject {
  return { ...filter, metadata: { ...filter.metadata, namespace: filter.metadata.namespace ?? "default" } };
}

function nameOf({ metadata: { namespace = "default", name } }: KubeObject): string {
  return `${namespace}/${name}`;
}

function unknown({ message }: ApiFailure): Finding {
  return { about: ABOUT, status: "warn", message: `not looked at: ${message}` };
}
