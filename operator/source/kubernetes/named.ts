import { fieldsOf, recordsOf } from "../../../base/json.ts";
import type { WasmFilter } from "../../../model/gen/wasmfilter.ts";
import { isFields } from "../../parse/defaults.ts";

/** The ids (`secret/namespace/name`, `configmap/namespace/name`) that a raw WasmFilter refers to. Parts of a wrong shape are skipped. */
export function namedBy({ metadata: { namespace = "default" }, spec }: WasmFilter): string[] {
  const ids: string[] = [];
  const add = (kind: "secret" | "configmap", reference: unknown): void => {
    if (isFields(reference) && typeof reference.name === "string") ids.push(`${kind}/${namespace}/${reference.name}`);
  };
  if (!isFields(spec)) return ids;
  const { configFrom, pullSecrets, verify } = spec as Readonly<Record<string, unknown>>;
  if (isFields(configFrom)) {
    add("secret", configFrom.secretKeyRef);
    add("configmap", configFrom.configMapKeyRef);
  }
  for (const secret of Array.isArray(pullSecrets) ? pullSecrets : []) add("secret", secret);
  for (const entry of Array.isArray(verify) ? verify : [])
    if (isFields(entry) && isFields(entry.cosign)) {
      const { publicKeySecret, keyless } = entry.cosign;
      add("secret", publicKeySecret);
      if (isFields(keyless) && isFields(keyless.trustRoot)) add("configmap", keyless.trustRoot.configMapKeyRef);
    }
  return ids;
}

/** The objects whose keys a raw WasmPolicy names, as `secret/name` and `configmap/name` of Weir's own namespace. Parts of a wrong shape are skipped. */
export function namedByPolicy({ spec }: { readonly spec?: unknown }): string[] {
  const entries = recordsOf(fieldsOf(spec).images).flatMap(({ verify }) => recordsOf(verify));
  return entries.flatMap(({ cosign }) => {
    const { publicKeySecret, publicKeyConfigMap } = fieldsOf(cosign);
    const named = [["secret", fieldsOf(publicKeySecret).name] as const, ["configmap", fieldsOf(publicKeyConfigMap).name] as const];
    return named.flatMap(([kind, name]) => (typeof name === "string" ? [`${kind}/${name}`] : []));
  });
}
