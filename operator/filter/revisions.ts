import type { Digest } from "../../model/digest.ts";
import type { FilterKey } from "../../model/filter.ts";
import type { Revision } from "../../model/revision.ts";
import { type Identified, knownHashes, revisionHash } from "./revision-identity.ts";

/** What a revision is made from: everything but its number and time. */
export type RevisionContent = Omit<Revision, "number" | "time" | "hash">;

/** The stored revision with this content, whichever version of Weir gave it its hash. */
export function findRevision(key: FilterKey, revisions: readonly Revision[], content: Identified): Revision | undefined {
  const hashes = knownHashes(key, content);
  return revisions.find((revision) => hashes.includes(revision.hash));
}

/** The revision with this content, or a new one with the next number. Revisions are immutable: old content has its old revision. */
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
 * The digest that a reference was resolved to before. With pullPolicy IfNotPresent it is used again without asking the registry, across restarts and
 * wherever the tag has moved.
 */
export function rememberedDigest(revisions: readonly Revision[], image: string): Digest | undefined {
  return revisions.findLast((revision) => revision.image === image)?.digest;
}

/** Numbers of the revisions to delete: the oldest beyond `limit`, never one in use. */
export function surplus(revisions: readonly Revision[], limit: number, inUse: ReadonlySet<number>): readonly number[] {
  const idle = revisions.filter(({ number }) => !inUse.has(number)).map(({ number }) => number);
  return idle.sort((a, b) => a - b).slice(0, Math.max(0, idle.length - limit));
}

/**
 * Completes a stored revision. Its record lacks a text that came from a Secret, so that is taken from what the Secret holds now. `undefined` if that
 * is no longer the text the revision was made with.
 */
export function restore(key: FilterKey, stored: Revision, secretText: string | undefined): Revision | undefined {
  if (stored.secretConfig === undefined) return stored;
  if (secretText === undefined) return undefined;
  const revision = { ...stored, settings: { ...stored.settings, config: secretText } };
  return knownHashes(key, revision).includes(stored.hash) ? revision : undefined;
}
