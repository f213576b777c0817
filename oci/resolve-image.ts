import type { Digest } from "../model/digest.ts";
import type { Log } from "../model/log.ts";
import type { PullOptions } from "../model/module.ts";
import { ok, type Result } from "../model/result.ts";
import type { Claim } from "./access/access.ts";
import type { Gate } from "./access/gate.ts";
import { findImage } from "./image/image.ts";
import { type OciOptions, openFor } from "./open.ts";
import type { Repository } from "./repository/repository.ts";
import type { Store } from "./store/store.ts";
import type { Turns } from "./turns.ts";

export interface ResolveImageDeps {
  readonly store: Store;
  readonly gate: Gate;
  readonly log: Log;
  readonly turns: Turns;
  readonly options: OciOptions;
}

/**
 * A reference -> the digest of the manifest that carries the module, with as few requests as possible. What the store knows of an index or a manifest is
 * used once the namespace showed that it may read it at a repository that delivered it, or where revisions keep it.
 */
export async function resolveImage(
  deps: ResolveImageDeps,
  image: string,
  pin: Digest | undefined,
  asking: PullOptions,
): Promise<Result<Digest>> {
  const { store, gate } = deps;
  const opened = openFor(image, asking.keychain, { ...deps.options, namespace: asking.namespace });
  if (!opened.ok) return opened;
  const { reference, repository } = opened.value;
  const named = pin ?? reference.digest;
  if (named !== undefined && asking.kept !== undefined) {
    const own = await keptManifest(store, named, asking.kept.byFilter, "delivered");
    if (own !== undefined) return ok(own);
  }
  const wanted = named === undefined ? await repository.peek(reference.tag ?? "latest", asking.signal) : ok(named);
  if (!wanted.ok) return wanted;
  if (wanted.value === undefined) return look(deps, repository, reference.tag ?? "latest", asking);
  const claim: Claim = { namespace: asking.namespace, source: repository.name, digest: wanted.value };
  if (named === undefined) gate.admit(claim); // the HEAD of the tag showed it
  const entered = await gate.enter(claim, opened.value, asking.signal);
  const known = entered.ok ? await deliveredManifest(store, claim) : undefined;
  if (known !== undefined) return ok(known);
  const found = entered.ok ? await look(deps, repository, claim.digest, asking) : entered;
  if (found.ok) return found;
  gate.failed(claim, found.error);
  if (asking.kept === undefined || !gate.isAway(claim, found.error)) return found;
  const kept = await keptManifest(store, claim.digest, asking.kept.byNamespace, "any");
  return kept === undefined ? found : ok(kept);
}

/** Reads the manifest, and for an index those in it, and notes what that showed. */
async function look(
  { store, gate, log, turns }: ResolveImageDeps,
  repository: Repository,
  wanted: string,
  { namespace, signal }: PullOptions,
): Promise<Result<Digest>> {
  const found = await findImage(repository, wanted, signal, (work) => turns.run(namespace, work));
  if (!found.ok) return found;
  const { index, manifest, isWholeIndex } = found.value;
  gate.admit({ namespace, source: repository.name, digest: manifest.digest });
  if (index !== undefined && isWholeIndex) {
    const noted = await store.putIndex(index.digest, manifest.digest, repository.name);
    if (!noted.ok) log.warn(noted.error.message, { digest: index.digest }); // only a cache: the answer is known all the same
  }
  return ok(manifest.digest);
}

/** The manifest behind a digest that this repository delivered before. */
async function deliveredManifest(store: Store, { digest, source }: Claim): Promise<Digest | undefined> {
  if ((await store.module("manifests", digest))?.from.includes(source) === true) return digest;
  const index = await store.manifestOf(digest);
  return index?.from.includes(source) === true ? index.value : undefined;
}

/**
 * The manifest behind a digest, where revisions keep it. `delivered`: not by the word of an index record that names no repository; earlier versions wrote
 * such records of indexes that they had not read whole.
 */
async function keptManifest(
  store: Store,
  digest: Digest,
  keeps: (digest: Digest) => boolean,
  records: "delivered" | "any",
): Promise<Digest | undefined> {
  if (keeps(digest)) return digest;
  const index = await store.manifestOf(digest);
  if (index === undefined || !keeps(index.value)) return undefined;
  return records === "any" || index.from.length > 0 ? index.value : undefined;
}
