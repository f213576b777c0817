import type { Digest } from "../../model/digest.ts";
import type { ModuleRegistry } from "../../model/module.ts";
import type { Peers } from "../../model/replicas.ts";
import type { Revision } from "../../model/revision.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { RevisionIdentity } from "../filter/revision-identity.ts";
import { restore } from "../filter/revisions.ts";
import { reconfigure } from "../resolve/configure.ts";
import { type CredentialsDeps, pullKeychain } from "../resolve/credentials.ts";

export interface ProvideDeps extends CredentialsDeps {
  readonly registry: Pick<ModuleRegistry, "has" | "pull" | "pullUrl">;
  readonly identity: RevisionIdentity;
  /** Other replicas, which may have a text that is gone from its Secret; `undefined`: there are none. */
  readonly peers?: Pick<Peers, "text"> | undefined;
}

/** Where the module of a revision may come from. */
export type Reach = "store" | "network";

/**
 * Brings a revision to the point where it can be served: its settings whole (a text from a Secret filled in), its module in the store. A module that the
 * store lost comes again by its digest, where the network may be asked. False: that is not possible now, and the slots that need it are held.
 */
export async function provide(
  record: FilterRecord,
  kept: Revision | undefined,
  reach: Reach,
  deps: ProvideDeps,
  signal?: AbortSignal,
): Promise<boolean> {
  if (kept === undefined) return false;
  if (record.deliverable.has(kept.number)) return true;
  const revision =
    (await withConfig(record, kept, deps)) ?? (reach === "network" ? await handedOver(record, kept, deps, signal) : undefined);
  if (revision === undefined) return false;
  const isThere =
    (await deps.registry.has(revision.wasmDigest)) || (reach === "network" && (await fetchAgain(record, revision, deps, signal)));
  if (isThere) record.provide(revision);
  return isThere;
}

/** The revision with its configuration. `undefined`: the Secret no longer holds the text that the revision was made with. */
async function withConfig(record: FilterRecord, kept: Revision, deps: ProvideDeps): Promise<Revision | undefined> {
  return record.candidate?.number === kept.number ? record.candidate : reconfigure(record.key, kept, deps);
}

/** The same with the text that another replica has in memory. Its keyed hash says that it is the one. */
async function handedOver(
  { id, key }: FilterRecord,
  kept: Revision,
  { identity, peers }: ProvideDeps,
  signal: AbortSignal | undefined,
): Promise<Revision | undefined> {
  const whole = (data: Buffer) => restore(key, kept, { data, version: undefined }, identity);
  const text = await peers?.text(id, kept.hash, (data) => whole(data) !== undefined, signal);
  return text && whole(text);
}

/** Fetches a module that the store lost (a new disk): from another replica; else with the credentials that the filter names now, which are read only then. */
async function fetchAgain(
  { filter, key: { namespace } }: FilterRecord,
  revision: Revision,
  deps: ProvideDeps,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const isUrl = /^https?:\/\//.test(revision.image);
  const keychain = async () => {
    const named = filter === undefined ? undefined : await pullKeychain(filter, deps, isUrl ? undefined : revision.image);
    return named?.ok ? named.value : new Map<string, never>();
  };
  const keeps = (digest: Digest) => digest === revision.digest;
  const options = {
    keychain,
    namespace,
    kept: { byFilter: keeps, moduleOf: () => revision.wasmDigest, byNamespace: keeps, modules: () => new Set<Digest>() },
    ...(signal === undefined ? {} : { signal }),
  };
  const pulled = isUrl
    ? await deps.registry.pullUrl(revision.image, revision.wasmDigest, options)
    : await deps.registry.pull(revision.image, revision.digest, options);
  return pulled.ok && (await deps.registry.has(revision.wasmDigest));
}

/** The revisions that a wave can ask for: stable, the target, and what the spec asks for next. */
function inUse({ rollout, candidate }: FilterRecord): ReadonlySet<number> {
  const { target, stable, phase } = rollout;
  const used = [stable, phase === "Progressing" ? target : undefined, candidate?.number];
  return new Set(used.filter((number) => number !== undefined));
}

/** The revisions in use that cannot be served yet. */
export function undelivered(record: FilterRecord): readonly Revision[] {
  const used = inUse(record);
  return record.revisions.filter(({ number }) => used.has(number) && !record.deliverable.has(number));
}

/** Drops revisions that no wave can ask for any more. */
export function withdrawUnused(record: FilterRecord): void {
  const used = inUse(record);
  for (const number of [...record.deliverable.keys()]) if (!used.has(number)) record.withdraw(number);
}
