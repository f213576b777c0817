import type { FilterRecord } from "./record.ts";

/** True when what the filter asks for depends on one of these (`secret/namespace/name`, `configmap/namespace/name`). */
export function refersTo(record: FilterRecord, references: ReadonlySet<string>): boolean {
  const { filter, key } = record;
  if (filter === undefined) return false;
  const names = filter.pullSecrets.map((name) => `secret/${key.namespace}/${name}`);
  const { configFrom } = filter;
  if (configFrom !== undefined) names.push(`${configFrom.kind.toLowerCase()}/${key.namespace}/${configFrom.name}`);
  for (const { publicKey } of filter.verify) {
    if (typeof publicKey === "object") names.push(`secret/${key.namespace}/${publicKey.secretName}`);
  }
  return names.some((name) => references.has(name));
}

/** False while the present spec does not parse: what it asked for before is kept as it is. */
export function takesChanges({ resolution }: FilterRecord): boolean {
  return !(resolution.state === "failed" && resolution.stage === "parse");
}
