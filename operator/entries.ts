import type { ChainEntry } from "../model/delivery.ts";
import type { ModuleRegistry } from "../model/module.ts";
import type { Revision } from "../model/revision.ts";
import type { FilterRecord } from "./record.ts";
import { revisionOf } from "./record.ts";
import { pullKeychain, type ResolveDeps } from "./resolve.ts";
import { restore } from "./revisions.ts";

export interface EntryDeps extends Pick<ResolveDeps, "source" | "parseKeychain"> {
  readonly registry: Pick<ModuleRegistry, "has" | "pull" | "pullUrl">;
}

function entryOf(record: FilterRecord, revision: Revision): ChainEntry {
  const { number, digest, wasmDigest, hash, settings, capabilities } = revision;
  return { filter: record.key, type: settings.type, revision: number, digest, wasmDigest, hash, settings, capabilities };
}

/**
 * Brings a revision to the point where it can be delivered: its settings whole (a text from a Secret filled in), its module in the store.
 * Returns false when that is not possible now; the slots that need it are then held.
 */
export async function ensureEntry(record: FilterRecord, number: number | undefined, deps: EntryDeps): Promise<boolean> {
  const stored = revisionOf(record, number);
  if (stored === undefined) return false;
  if (record.entries.has(stored.number)) return true;
  const revision = await whole(record, stored, deps);
  if (revision === undefined) return false;
  if (!(await deps.registry.has(revision.wasmDigest)) && !(await fetchAgain(record, revision, deps))) return false;
  record.entries.set(revision.number, entryOf(record, revision));
  return true;
}

async function whole(record: FilterRecord, stored: Revision, deps: EntryDeps): Promise<Revision | undefined> {
  if (record.candidate?.number === stored.number) return record.candidate;
  if (stored.secretConfig === undefined) return stored;
  const secret = await deps.source.secret(record.key.namespace, stored.secretConfig.name);
  const text = secret.ok ? secret.value.get(stored.secretConfig.key)?.toString("utf8") : undefined;
  return restore(record.key, stored, text);
}

/** A module that the store lost (a new disk) comes again by its digest, with the credentials that the filter names now. */
async function fetchAgain({ filter }: FilterRecord, revision: Revision, deps: EntryDeps): Promise<boolean> {
  const named = filter === undefined ? undefined : await pullKeychain(filter, deps);
  const keychain = named?.ok ? named.value : new Map<string, never>();
  const isUrl = /^https?:\/\//.test(revision.image);
  const pulled = isUrl
    ? await deps.registry.pullUrl(revision.image, revision.wasmDigest, { keychain })
    : await deps.registry.pull(revision.image, revision.digest, { keychain });
  return pulled.ok && (await deps.registry.has(revision.wasmDigest));
}

/** Drops entries that no wave can ask for any more. */
export function releaseEntries(record: FilterRecord): void {
  const { target, stable } = record.rollout;
  for (const number of record.entries.keys()) {
    if (number !== target && number !== stable && number !== record.candidate?.number) record.entries.delete(number);
  }
}
