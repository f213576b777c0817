import { createHash } from "node:crypto";
import { resolve as resolvePath } from "node:path";
import { type Clock, systemClock } from "../model/clock.ts";
import { type Metrics, silentMetrics } from "../model/metrics.ts";
import type { Keychain } from "../model/module.ts";
import { fail, ok, type Result } from "../model/result.ts";
import { matchingEntries } from "./credentials/keychain.ts";
import type { Limits } from "./image/image.ts";
import { createLayoutRepository } from "./layout/folder.ts";
import type { LocalImages } from "./local/images.ts";
import { createAddressPolicy } from "./registry/address.ts";
import { createRemoteRepository } from "./registry/client.ts";
import { createFetch, type Fetch } from "./registry/fetch.ts";
import type { HttpOptions } from "./registry/http.ts";
import { type Mirrors, withMirror } from "./registry/mirrors.ts";
import type { TagStates } from "./registry/tag-states.ts";
import { parseReference, type Reference, type RegistryReference, repositoryName } from "./repository/reference.ts";
import type { Repository } from "./repository/repository.ts";

/** Options of everything in this room. */
export interface OciOptions {
  readonly limits?: Limits;
  /** `host[:port]`s to use plain HTTP with. Loopback hosts always use it. */
  readonly plainHttp?: Iterable<string>;
  /**
   * Folder that relative `oci-layout:` references start from. Without it such references are refused: whoever may write a WasmFilter
   * into a cluster must not be able to read the operator's files.
   */
  readonly layoutBase?: string;
  /** The images of whoever runs a command. Without them `local:` references are refused, as layouts are. */
  readonly local?: Pick<LocalImages, "open">;
  /** Time without a byte from the server, default 30 s, and for one exchange as a whole, default 15 min. A body has 16 KiB a second besides (`Watch`). */
  readonly idleTimeoutMs?: number;
  readonly totalTimeoutMs?: number;
  readonly clock?: Clock;
  /** Default: connects to loopback, and to no other address that `createAddressPolicy` refuses. */
  readonly fetch?: Fetch;
  readonly metrics?: Metrics;
  /** Default: none. */
  readonly mirrors?: Mirrors | undefined;
  /** For whom requests are made. Default: nobody in particular, as at a person's terminal. */
  readonly namespace?: string;
  /** What is remembered of tags between looks. Default: nothing. */
  readonly tagStates?: TagStates | undefined;
  /** A number in [0, 1) for jitter. Default: Math.random. */
  readonly random?: () => number;
}

const localFetch = createFetch({ policy: createAddressPolicy({ loopback: true, allowed: [] }), proxies: false });

export function httpOptions(options: OciOptions): HttpOptions {
  return {
    fetch: options.fetch ?? localFetch,
    clock: options.clock ?? systemClock,
    plainHttp: new Set(options.plainHttp ?? []),
    idleTimeoutMs: options.idleTimeoutMs ?? 30_000,
    totalTimeoutMs: options.totalTimeoutMs ?? 900_000,
    random: options.random ?? Math.random,
    metrics: options.metrics ?? silentMetrics,
  };
}

/** The repository that a reference names. Sends nothing yet. */
export function openRepository(reference: Reference, keychain: Keychain, options: OciOptions): Result<Repository> {
  if (reference.kind === "registry") {
    return ok(openRegistry(reference, keychain, options));
  }
  if (reference.kind === "local") {
    if (options.local !== undefined) return ok(options.local.open({ ...reference, kind: "registry" }));
    return fail(
      "InvalidReference",
      `${repositoryName(reference)}: images of a person's machine are not available here; push the image to a registry`,
    );
  }
  if (options.layoutBase === undefined) {
    return fail(
      "InvalidReference",
      `${repositoryName(reference)}: oci-layout folders are not available here; push the image to a registry`,
    );
  }
  return ok(createLayoutRepository(resolvePath(options.layoutBase, reference.directory), repositoryName(reference)));
}

/** Each host gets what the keychain has for it, and nothing of what it has for another. */
function openRegistry(reference: RegistryReference, keychain: Keychain, options: OciOptions): Repository {
  const { mirrors, namespace = "", tagStates } = options;
  const open = (place: RegistryReference) => {
    const credentials = matchingEntries(keychain, place.registry, place.repository);
    return createRemoteRepository(place, { http: httpOptions(options), credentials, tagStates });
  };
  const places = mirrors?.placesOf(reference, namespace) ?? [];
  return places.reduceRight<Repository>(
    (next, place) => withMirror(next, open(place), (failure) => mirrors?.tried(place.registry, namespace, failure)),
    open(reference),
  );
}

/** Parses a reference and opens its repository. */
export function openReference(
  image: string,
  keychain: Keychain,
  options: OciOptions,
): Result<{ readonly reference: Reference; readonly repository: Repository }> {
  const reference = parseReference(image);
  if (!reference.ok) return reference;
  const repository = openRepository(reference.value, keychain, options);
  return repository.ok ? ok({ reference: reference.value, repository: repository.value }) : repository;
}

/** As `openReference`, with what answers depend on besides the request: the credentials for this repository, hashed. */
export function openFor(
  image: string,
  keychain: Keychain,
  options: OciOptions,
): Result<{ readonly reference: Reference; readonly repository: Repository; readonly identity: string }> {
  const opened = openReference(image, keychain, options);
  if (!opened.ok) return opened;
  const { reference } = opened.value;
  const places = reference.kind === "registry" ? [reference, ...(options.mirrors?.placesOf(reference, options.namespace ?? "") ?? [])] : [];
  const credentials = places.flatMap(({ registry, repository }) => matchingEntries(keychain, registry, repository));
  const text = JSON.stringify(credentials.map((entry) => ("problem" in entry ? [] : [entry.username, entry.password])));
  return ok({ ...opened.value, identity: createHash("sha256").update(text).digest("hex") });
}
