import { isDeepStrictEqual } from "node:util";
import type { ChainEntry } from "../../model/delivery.ts";
import type { FilterKey } from "../../model/filter.ts";
import { configurationOf } from "../../model/plugin-configuration.ts";
import type { Revision } from "../../model/revision.ts";
import { formerHash, type Identified, type RevisionIdentity } from "./revision-identity.ts";

/** What a key of a Secret holds. */
export interface SecretData {
  readonly data: Buffer;
  /** See `SecretKey`. */
  readonly version: string | undefined;
}

/** What a revision is made from: everything but its number and time. */
export type RevisionContent = Omit<Revision, "number" | "time" | "hash">;

/** The stored revision with this content, whichever version of Weir gave it its hash. */
export function findRevision(
  key: FilterKey,
  revisions: readonly Revision[],
  content: Identified,
  identity: RevisionIdentity,
): Revision | undefined {
  return revisions.find((revision) => identity.isOf(key, revision, content));
}

/** The same by the contents themselves, of the revisions whose text from a Secret is in memory: their hashes may be of a key that was lost. */
function findHeld(
  revisions: readonly Revision[],
  held: ReadonlyMap<number, Identified>,
  { digest, wasmDigest, settings, secretConfig }: Identified,
): Revision | undefined {
  if (secretConfig === undefined) return undefined;
  return revisions.find((revision) => {
    const whole = revision.secretConfig === undefined ? undefined : held.get(revision.number);
    return whole?.digest === digest && whole.wasmDigest === wasmDigest && isDeepStrictEqual(whole.settings, settings);
  });
}

/**
 * The revision with this content, or a new one with the next number. Revisions are immutable: old content has its old revision. `held`: number -> a revision
 * that is whole.
 */
export function findOrMake(
  key: FilterKey,
  revisions: readonly Revision[],
  content: RevisionContent,
  now: number,
  identity: RevisionIdentity,
  held: ReadonlyMap<number, Identified> = new Map(),
): { revision: Revision; isNew: boolean } {
  const known = findRevision(key, revisions, content, identity) ?? findHeld(revisions, held, content);
  if (known !== undefined) return { revision: { ...known, settings: content.settings }, isNew: false };
  const hash = identity.hashOf(key, content);
  const number = revisions.reduce((highest, revision) => Math.max(highest, revision.number), 0) + 1;
  return { revision: { ...content, number, hash, time: new Date(now).toISOString() }, isNew: true };
}

/** What to serve of a revision whose settings are whole. */
export function chainEntryOf(filter: FilterKey, revision: Revision): ChainEntry {
  const { number, digest, wasmDigest, hash, settings, capabilities, secretConfig } = revision;
  const entry = { filter, type: settings.type, revision: number, digest, wasmDigest, hash, settings, capabilities };
  return secretConfig === undefined ? entry : { ...entry, isSecret: true, formerHash: formerHash(filter, revision) };
}

/** The revision with this number. */
export function revisionOf({ revisions }: { readonly revisions: readonly Revision[] }, number: number | undefined): Revision | undefined {
  return number === undefined ? undefined : revisions.find((revision) => revision.number === number);
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
export function restore(key: FilterKey, stored: Revision, now: SecretData | undefined, identity: RevisionIdentity): Revision | undefined {
  const { secretConfig } = stored;
  if (secretConfig === undefined) return stored;
  if (now === undefined) return undefined;
  const revision = { ...stored, settings: { ...stored.settings, ...configurationOf(now.data) } };
  const { version: _, ...place } = secretConfig;
  const content = { ...revision, secretConfig: now.version === undefined ? place : { ...place, version: now.version } };
  return identity.isOf(key, stored, content) ? revision : undefined;
}
