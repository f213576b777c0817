import { createHash } from "node:crypto";
import type { Digest } from "../model/digest.ts";
import { type FilterKey, filterId } from "../model/filter.ts";
import type { PluginSettings, Revision } from "../model/revision.ts";

/** What a revision is made from: everything but its number and time. */
export type RevisionContent = Omit<Revision, "number" | "time" | "hash">;

/** The part of the content that its hash covers. Capabilities in force follow from the module and the settings, so they are not in it. */
type Hashed = Pick<RevisionContent, "digest" | "wasmDigest" | "settings">;

/**
 * The identity of a revision: a hash over the filter's name, the digests and everything else that reaches the proxy. The reference it came from
 * (a tag) is left out, so that a tag and a pin that lead to the same digest are the same revision.
 */
export function revisionHash(key: FilterKey, content: Hashed): string {
  const { settings } = content;
  const parts = [
    filterId(key),
    content.digest,
    content.wasmDigest,
    settings.type,
    settings.slot,
    settings.priority,
    settings.config,
    settings.rootId,
    settings.failurePolicy,
    settings.env.map(({ name, value }) => [name, value]),
    settings.capabilities ?? null,
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

/** The kept revision with this content. */
export function findRevision(key: FilterKey, revisions: readonly Revision[], content: Hashed): Revision | undefined {
  const hash = revisionHash(key, content);
  return revisions.find((revision) => revision.hash === hash);
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
  const settings: PluginSettings = { ...stored.settings, config: secretText };
  return revisionHash(key, { ...stored, settings }) === stored.hash ? { ...stored, settings } : undefined;
}

/** What a store may keep of a revision: never a text that came from a Secret. */
export function withoutSecrets(revision: Revision): Revision {
  return revision.secretConfig === undefined ? revision : { ...revision, settings: { ...revision.settings, config: "" } };
}
