import type { Finding } from "../../cluster/index.ts";
import { API_VERSION, type WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { ApiFailure, KubeApi, KubeObject } from "../../model/kube.ts";
import type { Result } from "../../model/result.ts";
import { canonicalRepository } from "../../oci/index.ts";
import { listAll, policyMistakes } from "../../operator/index.ts";

const ABOUT = "policies";

/** What `weir check` says of WasmPolicies. Nothing where the cluster does not have the kind: that is said already. */
export async function policyFindings(api: KubeApi): Promise<readonly Finding[]> {
  const list = async (path: string): Promise<Result<readonly KubeObject[], ApiFailure>> => {
    const found = await listAll(api, { path }, (item) => item as KubeObject);
    return found.ok ? { ok: true, value: found.value.items } : found;
  };
  const policies = await list(`/apis/${API_VERSION}/wasmpolicies`);
  if (!policies.ok) return policies.error.status === 404 || policies.error.status === 0 ? [] : [unknown(policies.error)];
  if (policies.value.length === 0) return [];
  const [namespaces, filters] = await Promise.all([list("/api/v1/namespaces"), list(`/apis/${API_VERSION}/wasmfilters`)]);
  if (!namespaces.ok) return [unknown(namespaces.error)];
  if (!filters.ok) return [unknown(filters.error)];
  const mistakes = policyMistakes({
    policies: new Map(policies.value.map((policy) => [policy.metadata.name, policy])),
    namespaces: new Map(namespaces.value.map(({ metadata }) => [metadata.name, (metadata.labels ?? {}) as Record<string, string>])),
    filters: filters.value as unknown as readonly WasmFilter[],
    repositoryOf: canonicalRepository,
  });
  if (mistakes.length > 0) return mistakes.map(({ status, message }) => ({ about: ABOUT, status, message }));
  return [{ about: ABOUT, status: "ok", message: `${policies.value.length} of them, each for some namespace, and none against another` }];
}

function unknown({ message }: ApiFailure): Finding {
  return { about: ABOUT, status: "warn", message: `not looked at: ${message}` };
}
