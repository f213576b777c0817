import { fieldsOf } from "../../base/json.ts";
import type { Digest } from "../../model/digest.ts";
import { type IndexEntry, TAG_ANNOTATION } from "../layout/index-file.ts";
import { formatReference, parseReference, type RegistryReference, repositoryName } from "../repository/reference.ts";
import { subjectOfTag } from "../repository/referrers.ts";

/** The name in full, as containerd, Docker and BuildKit write it into a layout, beside the tag alone in `TAG_ANNOTATION`. */
export const NAME_ANNOTATION = "io.containerd.image.name";
/** RFC 3339: when the image came under this name. */
export const ADDED_ANNOTATION = "dev.weir.image.added";
/** RFC 3339: when its tag went to another image. */
const REPLACED_ANNOTATION = "dev.weir.image.replaced";

/** An image by the name that it has: a tag, or a digest where no tag leads to it. */
export interface NamedImage {
  readonly name: RegistryReference;
  readonly descriptor: { readonly mediaType: string; readonly digest: Digest; readonly size: number };
}

/** The name that an entry has, `undefined` where it has none that is a reference: another tool wrote it. */
export function nameOf(annotations: Readonly<Record<string, unknown>>): RegistryReference | undefined {
  const text = annotations[NAME_ANNOTATION];
  const parsed = typeof text === "string" ? parseReference(text) : undefined;
  return parsed?.ok && parsed.value.kind === "registry" ? parsed.value : undefined;
}

/** The image that an entry belongs to, if it is no image itself but a list of what refers to one, or what cosign keeps by tag. */
export function subjectOf(name: RegistryReference | undefined): Digest | undefined {
  return name?.tag === undefined ? undefined : subjectOfTag(name.tag);
}

/**
 * Without what belongs to images that are no longer there. `listed`: what each list of referrers names, since that may have referrers of its own: a
 * signature of an SBOM.
 */
export function withoutOrphans(entries: readonly IndexEntry[], listed: ReadonlyMap<unknown, readonly Digest[]>): readonly IndexEntry[] {
  const placed = entries.map((entry) => {
    const name = nameOf(fieldsOf(entry.annotations));
    return { entry, subject: subjectOf(name), repository: name === undefined ? "" : repositoryName(name) };
  });
  const alive = new Set(
    placed.flatMap(({ entry, subject, repository }) => (subject === undefined ? [`${repository} ${entry.digest}`] : [])),
  );
  for (let before = -1; before !== alive.size; ) {
    before = alive.size;
    for (const { entry, subject, repository } of placed)
      if (subject !== undefined && alive.has(`${repository} ${subject}`))
        for (const digest of listed.get(entry.digest) ?? []) alive.add(`${repository} ${digest}`);
  }
  return placed.flatMap(({ entry, subject, repository }) =>
    subject === undefined || alive.has(`${repository} ${subject}`) ? [entry] : [],
  );
}

/** The name that an image gets: by its tag, or by its digest where the reference says which it is. */
export function nameFor(reference: RegistryReference, digest: Digest): RegistryReference {
  const isTagged = reference.tag !== undefined && reference.digest === undefined;
  return { ...reference, tag: isTagged ? reference.tag : undefined, digest: isTagged ? undefined : digest };
}

/** Adds an image, or moves its name to it. The image that had the name is kept by its digest. Pure, as all here. */
export function withImage(entries: readonly IndexEntry[], { name, descriptor }: NamedImage, now: string): readonly IndexEntry[] {
  const text = formatReference(name);
  const repository = repositoryName(name);
  if (name.tag === undefined && entries.some((entry) => entry.digest === descriptor.digest && isIn(entry, repository))) return entries;
  const others = entries.flatMap((entry) => {
    const own = nameOf(fieldsOf(entry.annotations));
    if (own === undefined) return [entry];
    if (formatReference(own) === text)
      return entry.digest === descriptor.digest || subjectOf(own) !== undefined ? [] : [replaced(entry, own, now)];
    // Its digest alone is not needed as a name once a tag leads to it.
    return own.digest === descriptor.digest && isIn(entry, repository) ? [] : [entry];
  });
  const annotations = { [NAME_ANNOTATION]: text, ...(name.tag !== undefined && { [TAG_ANNOTATION]: name.tag }), [ADDED_ANNOTATION]: now };
  return unique([...others, { ...descriptor, annotations }]);
}

function replaced(entry: IndexEntry, own: RegistryReference, now: string): IndexEntry {
  const { [TAG_ANNOTATION]: _, ...annotations } = fieldsOf(entry.annotations);
  const name = formatReference({ ...own, tag: undefined, digest: entry.digest as Digest });
  return { ...entry, annotations: { ...annotations, [NAME_ANNOTATION]: name, [REPLACED_ANNOTATION]: now } };
}

/** Without images that were replaced and still have another name in the same repository. */
function unique(entries: readonly IndexEntry[]): readonly IndexEntry[] {
  return entries.filter((entry, index) => {
    if (!isReplaced(entry)) return true;
    const own = nameOf(fieldsOf(entry.annotations));
    const isSame = (other: IndexEntry) => other.digest === entry.digest && own !== undefined && isIn(other, repositoryName(own));
    return !entries.some((other, at) => at !== index && isSame(other) && (!isReplaced(other) || at > index));
  });
}

function isIn({ annotations }: IndexEntry, repository: string): boolean {
  const name = nameOf(fieldsOf(annotations));
  return name !== undefined && repositoryName(name) === repository;
}

/** Without all but the newest `max` of those that were replaced. */
export function newest(entries: readonly IndexEntry[], max: number): readonly IndexEntry[] {
  const times = entries.filter(isReplaced).map(replacedAt).sort();
  const oldest = times.at(-max) ?? "";
  return entries.filter((entry) => !isReplaced(entry) || replacedAt(entry) >= oldest);
}

function isReplaced(entry: IndexEntry): boolean {
  return replacedAt(entry) !== "";
}

function replacedAt({ annotations }: IndexEntry): string {
  return String(fieldsOf(annotations)[REPLACED_ANNOTATION] ?? "");
}
