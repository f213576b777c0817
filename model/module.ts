import type { CarriedSchema } from "./config-schema.ts";
import type { Digest } from "./digest.ts";
import type { Result } from "./result.ts";

/** A module that is in the store: verified against its digests. */
export interface Module {
  /** Digest of the image manifest (for `url:` sources, of the module itself). */
  readonly digest: Digest;
  /** sha256 of the module's bytes: what Envoy runs. */
  readonly wasmDigest: Digest;
  /** Size of the module in bytes. */
  readonly size: number;
  /** Media type of the layer it came from, for people. */
  readonly mediaType: string;
  /** What its image says of configurations; `undefined`: nothing. */
  readonly configSchema?: CarriedSchema | undefined;
}

/** A user's name and password at a registry. Held in memory only. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  /**
   * Whose they are where the filter does not name them, for messages: "Weir's own credentials". Their user name is nobody's business then, and where they are
   * refused a request is tried without any, as before they were there.
   */
  readonly implied?: string;
}

/** Credentials that no filter names. */
export interface ImpliedCredentials {
  /** What a filter of the namespace may pull this image with. What cannot be had is left out, or told by an entry that is a problem. */
  keychainFor(namespace: string, image: string): Promise<Keychain>;
}

/** Stands in place of credentials that could not be read. It spoils nothing but itself. */
export interface UnusableCredentials {
  /** Which they are and what is wrong with them, e.g. "entry 2 of `auths` of Secret shop/regcred is not an object". Quotes nothing of them. */
  readonly problem: string;
}

export type KeychainEntry = Credentials | UnusableCredentials;

/**
 * `host[:port]`, or `host[:port]/path` where credentials are for some repositories only -> credentials, those that are tried first coming first. A host may be a
 * glob. Every entry that matches a repository is tried in turn.
 */
export type Keychain = ReadonlyMap<string, readonly KeychainEntry[]>;

/** One keychain of several; entries for the same server are tried in this order. */
export function mergeKeychains(keychains: Iterable<Keychain>): Keychain {
  const merged = new Map<string, readonly KeychainEntry[]>();
  for (const keychain of keychains) {
    for (const [server, entries] of keychain) merged.set(server, [...(merged.get(server) ?? []), ...entries]);
  }
  return merged;
}

/** What recorded revisions have: they show that access was given when they were made. */
export interface Kept {
  /** True when a revision of the filter that asks has this digest: going on with it, or back to it, asks nobody. */
  byFilter(digest: Digest): boolean;
  /** The module (by wasmDigest) of such a revision, as its record says. */
  moduleOf(digest: Digest): Digest | undefined;
  /** The same for any filter of its namespace: kept while the network is away. */
  byNamespace(digest: Digest): boolean;
  /** The modules (by wasmDigest) that revisions of its namespace keep on disk. */
  modules(): ReadonlySet<Digest>;
}

/** Who asks for something at a registry. */
export interface Asking {
  /** Access that one namespace showed counts for no other. */
  readonly namespace: string;
  /** Default: nothing is kept. */
  readonly kept?: Kept;
  readonly signal?: AbortSignal;
}

export interface PullOptions extends Asking {
  readonly keychain: Keychain;
}

/** Modules by digest, from the store on this machine's disk or from any other place that is asked before the registry. */
export interface StoreSource {
  /** The module's bytes, verified on read. `undefined` when the source does not hold it or its file was damaged, or the signal fired. */
  read(wasmDigest: Digest, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer> | undefined>;
}

/** Modules' bytes for sending. They are in memory while they are sent and a little longer, not as long as a module is known. */
export interface ModuleBytes {
  /** The bytes, if they are in memory now. Do not change them. */
  peek(wasmDigest: Digest): Uint8Array | undefined;
  /** Reads the bytes into memory; callers at the same time share one read. `undefined`: they are lost or damaged. Never rejects. */
  load(wasmDigest: Digest): Promise<Uint8Array | undefined>;
}

/**
 * Resolves references and brings modules into the content-addressed store.
 * Concurrent pulls of one digest from one repository are one pull. What the filter's own revisions keep needs no network; anything else that is in
 * the store is handed out once the namespace showed that it may read it where it came from.
 */
export interface ModuleRegistry extends StoreSource {
  /** Tag or digest -> manifest digest. An index resolves to the one manifest in it that carries a module. */
  resolve(image: string, pin: Digest | undefined, options: PullOptions): Promise<Result<Digest>>;
  /** The tags of the image's repository, at most 50,000 of them; its own tag does not matter. */
  tags(image: string, options: PullOptions): Promise<Result<readonly string[]>>;
  /**
   * The repository of an image in full, without tag and digest, however it is written: `registry.example/team/f`, `docker.io/library/f`, `oci-layout:dir/f`.
   * Of what is no reference, the text itself.
   */
  repositoryOf(image: string): string;
  /** What the image of this manifest says of configurations, without its module; `undefined`: nothing. Asks for access as `pull` does. */
  configSchema(image: string, digest: Digest, options: PullOptions): Promise<Result<CarriedSchema | undefined>>;
  /** Makes sure that the module of this manifest is in the store. `keychain` is called only where a registry must be asked. */
  pull(
    image: string,
    digest: Digest,
    options: Asking & { readonly keychain: Keychain | (() => Promise<Keychain>) },
  ): Promise<Result<Module>>;
  /** The same for a module at a plain URL, which knows no credentials. Its bytes must have this sha256. */
  pullUrl(url: string, sha256: Digest, options: Asking): Promise<Result<Module>>;
  /** True when the store holds the module: its file was verified before in this process, or is now. Keeps no bytes in memory. */
  has(wasmDigest: Digest): Promise<boolean>;
  /** Tells of modules whose files were found damaged: they are not in the store any more. Returns what ends it. */
  onLost(listener: (wasmDigest: Digest) => void): () => void;
  /**
   * Digests that are never evicted: those of all revisions in use; `undefined`: they are not all known, so nothing is evicted. They are asked for when something
   * must go: there may be hundreds of thousands. To be called again when they have changed.
   */
  retain(needed: () => ReadonlySet<Digest> | undefined): void;
}
