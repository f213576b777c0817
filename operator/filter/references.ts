import type { Filter } from "../../model/filter.ts";
import type { KeyReference } from "../../model/verify.ts";
import type { FilterRecord } from "./record.ts";

/** True when what the filter asks for depends on one of these (`secret/namespace/name`, `configmap/namespace/name`, `repository/PATH`). */
export function refersTo(record: FilterRecord, references: ReadonlySet<string>): boolean {
  const { filter, key } = record;
  if (filter === undefined) return false;
  const names = filter.pullSecrets.map((name) => `secret/${key.namespace}/${name}`);
  const { configFrom } = filter;
  for (const { kind, name } of [...(configFrom === undefined ? [] : [configFrom]), ...textsOf(filter)]) {
    names.push(`${kind.toLowerCase()}/${key.namespace}/${name}`);
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

/** Where the public keys and trust roots are that the filter does not have in its spec. */
function textsOf({ verify }: Pick<Filter, "verify">): KeyReference[] {
  const texts = verify.map(({ signer }) => (signer.kind === "key" ? signer.publicKey : signer.trustRoot));
  return texts.filter((text): text is KeyReference => typeof text === "object");
}
