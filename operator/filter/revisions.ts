import type { Digest } from "../../model/digest.ts";
import type { FilterKey } from "../../model/filter.ts";
import type { Revision } from "../../model/revision.ts";
import { type Identified, knownHashes, revisionHash } from "./revision-identity.ts";

/** What a revision is made from: everything but its number and time. */
export type RevisionContent = Omit<Revision, "number" | "time" | "hash">;

/** The kept revision with this content, whichever version of Weir gave it its hash. */
export function findRevision(key: FilterKey, revisions: readonly Revision[], content: Identified): Revision | undefined {
  const hashes = knownHashes(key, content);
  return revisions.find((revision) => hashes.includes(revision.hash));
}

/** The revision with this content, or the next in number. Revisions are immutable, so coming back to an old content is coming back to its revision. */
export function findOrMake(
  key: FilterKey,
  revisions: readonly Revision[],
  content: RevisionContent,
  now: number,
): { revision: Revision; isNew: boolean } {
  const known = findRevision(key, revisions, content);
  if (known !== undefined) return { revision: { ...known, settings: content.settings }, isNew: false };
  const hash = revisionHash(key, content);
  const number = revisions.reduce((highest, revision) => Math.max(highest, revision.number), 0) + 1;
  return { revision: { ...content, number, hash, time: new Date(now).toISOString() }, isNew: true };
}

/**
 * The digest that a reference was resolved to before, when that may be used again without asking the registry: with pullPolicy IfNotPresent one
 * reference keeps the digest it had first, across restarts and whatever the tag does meanwhile.
 */
export function rememberedDigest(revisions: readonly Revision[], image: string): Digest | undefined {
  return revisions.findLast((revision) => revision.image === image)?.digest;
}

/** Numbers of the revisions that may go: the oldest beyond `limit`, never one that is in use. */
export function surplus(revisions: readonly Revision[], limit: number, inUse: ReadonlySet<number>): readonly number[] {
  const idle = revisions.filter(({ number }) => !inUse.has(number)).map(({ number }) => number);
  return idle.sort((a, b) => a - b).slice(0, Math.max(0, idle.length - limit));
}

/**
 * A stored revision made whole again. Text that came from a Secret is not in the record: it is filled in from what the Secret holds now.
 * `undefined` when that is no longer the text the revision was made with.
 */
export function restore(key: FilterKey, stored: Revision, secretText: string | undefined): Revision | undefined {
  if (stored.secretConfig === undefined) return stored;
  if (secretText === undefined) return undefined;
  const revision = { ...stored, settings: { ...stored.settings, config: secretText } };
  return knownHashes(key, revision).includes(stored.hash) ? revision : undefined;
}
