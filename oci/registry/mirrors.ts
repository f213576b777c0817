import { LRUCache } from "lru-cache";
import { createStandingTrouble } from "../../base/standing-trouble.ts";
import type { Clock } from "../../model/clock.ts";
import type { Log } from "../../model/log.ts";
import { registryName } from "../../model/registry-name.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { type RegistryReference, registryOf } from "../repository/reference.ts";
import type { Repository } from "../repository/repository.ts";

/** Where else the images of a registry are. */
export interface Mirror {
  /** As `registryName` spells it. */
  readonly registry: string;
  /** `host[:port]` of the mirror, and what its repositories have before their names: `""`, or `path/`. */
  readonly host: string;
  readonly prefix: string;
}

/** Reads `registry.example=mirror.example[:PORT][/PATH]`. Fails with `InvalidMirror`. */
export function parseMirror(text: string): Result<Mirror> {
  const [, from = "", host = "", path] = /^([^=/]+)=([^=/]+)(?:\/([^=:@]+?)\/?)?$/.exec(text) ?? [];
  const [origin, place] = [registryOf(from), registryOf(host, path)];
  const registry = origin && registryName(origin);
  if (registry === undefined || place === undefined || registry === registryName(place))
    return fail("InvalidMirror", `${JSON.stringify(text)} is not REGISTRY=MIRROR[/PATH], as registry.example=mirror.example`);
  return ok({ registry, host, prefix: path === undefined ? "" : `${path}/` });
}

/**
 * Tries mirrors before registries. One that does not answer a namespace is left out for that namespace for a while, and for no other: who names images may well name one on which a
 * mirror fails or hangs.
 */
export interface Mirrors {
  /** The places to read a repository from before its own, in this order; none that is left out for this namespace now. */
  placesOf(reference: RegistryReference, namespace: string): readonly RegistryReference[];
  /** How a read at a mirror ended for a namespace; `undefined`: well. */
  tried(host: string, namespace: string, failure: Failure | undefined): void;
}

/** How long a mirror is left out that did not answer, in milliseconds. */
const LEFT_OUT_MS = 30_000;
/** Namespaces and mirrors that are remembered. Of one that is forgotten a mirror that is away is tried once more. */
const MAX_STATES = 10_000;

interface MirrorState {
  /** Milliseconds since the epoch. */
  awayUntil: number;
  readonly tell: ReturnType<typeof createStandingTrouble>;
}

export function createMirrors(mirrors: readonly Mirror[], { clock, log }: { readonly clock: Clock; readonly log: Log }): Mirrors {
  const states = new LRUCache<string, MirrorState>({ max: MAX_STATES });
  const stateOf = (host: string, namespace: string): MirrorState => {
    const key = JSON.stringify([host, namespace]);
    const tell = createStandingTrouble((message) =>
      log.warn("a mirror cannot be used; its registry is asked", { mirror: host, namespace, message }),
    );
    const state = states.get(key) ?? { awayUntil: 0, tell };
    states.set(key, state);
    return state;
  };
  return {
    placesOf({ registry, repository, ...rest }, namespace) {
      const name = registryName(registry);
      const own = mirrors.filter((mirror) => mirror.registry === name);
      const present = own.filter((mirror) => stateOf(mirror.host, namespace).awayUntil <= clock.now());
      return present.map(({ host, prefix }) => ({ ...rest, registry: host, repository: `${prefix}${repository}` }));
    },
    tried(host, namespace, failure) {
      const state = stateOf(host, namespace);
      // What it does not have or does not show is no trouble.
      const isTrouble = failure !== undefined && !["ImageNotFound", "BlobNotFound", "AccessDenied", "Canceled"].includes(failure.reason);
      state.tell(isTrouble ? failure.message : undefined);
      if (failure?.reason === "RegistryUnavailable" || failure?.reason === "RateLimited") state.awayUntil = clock.now() + LEFT_OUT_MS;
    },
  };
}

/** A tag that says of which manifest what it has is: `sha256-….sig`, or the list of referrers. */
const BESIDE = /^sha256-[0-9a-f]{64}/;

/**
 * Reads from the mirror first, and from the registry what the mirror does not have, does not show, or has with another digest. Tags, referrers and what
 * is kept under tags beside an image (signatures) are told by the registry as long as it answers: a mirror may have some of them, or those of yesterday. Writes go to the registry.
 */
export function withMirror(origin: Repository, mirror: Repository, tried: (failure: Failure | undefined) => void): Repository {
  const read = async <T>(operation: (at: Repository) => Promise<Result<T>>, isAnswer: (value: T) => boolean = () => true) => {
    const first = await operation(mirror);
    tried(first.ok ? undefined : first.error);
    if (first.ok ? isAnswer(first.value) : first.error.reason === "Canceled") return first;
    const second = await operation(origin);
    if (second.ok || first.ok) return second;
    return {
      ok: false,
      error: { ...second.error, message: `${second.error.message}; its mirror failed too (${first.error.reason})` },
    } as const;
  };
  const list = async <T>(operation: (at: Repository) => Promise<Result<T>>) => {
    const own = await operation(origin);
    return own.ok || own.error.reason !== "RegistryUnavailable" ? own : operation(mirror);
  };
  return {
    ...origin,
    peek: (tag, signal) =>
      read(
        (at) => at.peek(tag, signal),
        (digest) => digest !== undefined,
      ),
    holds: (digest, signal) =>
      read(
        (at) => at.holds(digest, signal),
        (isHeld) => isHeld,
      ),
    manifest: (reference, signal) => (BESIDE.test(reference) ? list : read)((at) => at.manifest(reference, signal)),
    blob: (descriptor, limit, signal) => read((at) => at.blob(descriptor, limit, signal)),
    receive: (descriptor, take, signal) => read((at) => at.receive(descriptor, take, signal)),
    tags: (signal) => list((at) => at.tags(signal)),
    referrers: (digest, signal) => list((at) => at.referrers(digest, signal)),
  };
}
