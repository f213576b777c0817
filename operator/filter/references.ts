import type { Filter } from "../../model/filter.ts";
import { type KeyReference, referenceOf, type SignatureDemand } from "../../model/verify.ts";
import type { FilterRecord } from "./record.ts";

/**
 * True when what the filter asks for depends on one of these (`secret/namespace/name`, `configmap/namespace/name`, `repository/PATH`), or what policies demand of it
 * beside (`demands`).
 */
export function refersTo(
  record: FilterRecord,
  references: ReadonlySet<string>,
  demands: (filter: Filter) => readonly SignatureDemand[],
): boolean {
  const { filter, key } = record;
  if (filter === undefined) return false;
  const names = filter.pullSecrets.map((name) => `secret/${key.namespace}/${name}`);
  const { configFrom } = filter;
  const texts = [...filter.verify, ...demands(filter)].flatMap((demand) => referenceOf(demand) ?? []);
  const named: readonly Omit<KeyReference, "key">[] = [...(configFrom === undefined ? [] : [configFrom]), ...texts];
  for (const { kind, name, namespace = key.namespace } of named) {
    names.push(`${kind.toLowerCase()}/${namespace}/${name}`);
  }
  if (filter.source.kind === "image" && waitsForTags(record)) names.push(`repository/${repositoryPath(filter.source.image)}`);
  return names.some((name) => references.has(name));
}

/** True where the registry is asked again, now or later, whatever the spec's reference kept. */
function waitsForTags({ filter, resolution }: FilterRecord): boolean {
  if (filter === undefined || filter.suspend || filter.pin !== undefined) return false;
  return filter.pullPolicy === "Always" || resolution.state === "failed";
}

/** A reference without registry, tag and digest. */
export function repositoryPath(image: string): string {
  const name = image.replace(/@.*$/, "").replace(/:[^/]*$/, "");
  const slash = name.indexOf("/");
  if (slash < 0) return `library/${name}`;
  const first = name.slice(0, slash);
  return first === "localhost" || /[.:[\]A-Z]/.test(first) ? name.slice(slash + 1) : name;
}

/** False while the present spec does not parse: what it asked for before is kept as it is. */
export function takesChanges({ resolution }: FilterRecord): boolean {
  return !(resolution.state === "failed" && resolution.stage === "parse");
}
