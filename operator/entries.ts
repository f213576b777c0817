import type { ChainEntry } from "../model/delivery.ts";
import type { Keychain, ModuleRegistry } from "../model/module.ts";
import type { Revision } from "../model/revision.ts";
import type { FilterRecord } from "./record.ts";
import { revisionOf } from "./record.ts";
import { restore } from "./revisions.ts";
import type { Source } from "./source/source.ts";

export interface EntryDeps {
  readonly source: Pick<Source, "secret">;
  readonly registry: Pick<ModuleRegistry, "read" | "pull" | "pullUrl">;
}

const NO_CREDENTIALS: Keychain = new Map();

function entryOf(record: FilterRecord, revision: Revision, code: Uint8Array): ChainEntry {
  const { number, digest, wasmDigest, hash, settings, capabilities } = revision;
  return { filter: record.key, type: settings.type, revision: number, digest, wasmDigest, hash, settings, capabilities, code };
}

/**
 * Brings a revision to the point where it can be delivered: its settings whole (a text from a Secret filled in), its module in memory.
 * Returns false when that is not possible now; the slots that need it are then held.
 */
export async function ensureEntry(record: FilterRecord, number: number | undefined, deps: EntryDeps): Promise<boolean> {
  const stored = revisionOf(record, number);
  if (stored === undefined) return false;
  if (record.entries.has(stored.number)) return true;
  const revision = await whole(record, stored, deps);
  if (revision === undefined) return false;
  const code = (await deps.registry.read(revision.wasmDigest)) ?? (await fetchAgain(revision, deps));
  if (code === undefined) return false;
  record.entries.set(revision.number, entryOf(record, revision, code));
  return true;
}

async function whole(record: FilterRecord, stored: Revision, deps: EntryDeps): Promise<Revision | undefined> {
  if (record.candidate?.number === stored.number) return record.candidate;
  if (stored.secretConfig === undefined) return stored;
  const secret = await deps.source.secret(record.key.namespace, stored.secretConfig.name);
  const text = secret.ok ? secret.value.get(stored.secretConfig.key)?.toString("utf8") : undefined;
  return restore(record.key, stored, text);
}

/** A module that the store lost (a new disk): anonymous, by digest; a registry that asks for credentials is served by the next resolution. */
async function fetchAgain(revision: Revision, { registry }: EntryDeps): Promise<Uint8Array | undefined> {
  const isUrl = /^https?:\/\//.test(revision.image);
  const pulled = isUrl
    ? await registry.pullUrl(revision.image, revision.wasmDigest, { keychain: NO_CREDENTIALS })
    : await registry.pull(revision.image, revision.digest, { keychain: NO_CREDENTIALS });
  return pulled.ok ? registry.read(revision.wasmDigest) : undefined;
}

/** Drops modules from memory that no wave can ask for any more. */
export function releaseEntries(record: FilterRecord): void {
  const { target, stable } = record.rollout;
  for (const number of record.entries.keys()) {
    if (number !== target && number !== stable && number !== record.candidate?.number) record.entries.delete(number);
  }
}
