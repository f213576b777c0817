import { type BackoffPolicy, backoff } from "../../../base/backoff.ts";
import type { Clock } from "../../../model/clock.ts";
import { type Fields, isFields } from "../../parse/defaults.ts";
import type { ApiFailure, KubeApi } from "./api.ts";

export interface KubeObject extends Fields {
  readonly metadata: Fields & {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
}

export interface ReflectorOptions {
  readonly api: KubeApi;
  /** Path of the collection, e.g. `/api/v1/namespaces/shop/secrets`. */
  readonly path: string;
  readonly fieldSelector?: string;
  readonly clock: Clock;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  /** All objects, as listed. Called again after every gap. */
  readonly onList: (objects: readonly KubeObject[]) => void;
  readonly onEvent: (type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject) => void;
  /** The collection cannot be listed or watched just now; `undefined`: it can again. */
  readonly onTrouble: (failure: ApiFailure | undefined) => void;
}

/** Follows a collection of the API server until it is stopped: lists, watches, and after a break waits a little and lists again. */
export interface Reflector {
  /** Resolves after the first list, or on `stop`. */
  readonly listed: Promise<void>;
  stop(): Promise<void>;
}

const PAGE = "500";
const PAUSE: BackoffPolicy = { firstMs: 200, longestMs: 30_000, jitter: [0.5, 1] };
/** A watch that lasted this long was a good one: the next break starts with the short delay again. */
const STEADY_MS = 5_000;
const WATCH_SECONDS = 300;

/**
 * A watch that the server ends by itself goes on from the last version seen; one that fails in any way (410 Gone, a broken connection, a
 * restarted server) is followed by a fresh list, so that nothing in the gap is missed.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export function startReflector(options: ReflectorOptions): Reflector {
  const { api, path, fieldSelector, clock, random, onList, onEvent, onTrouble } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const query = fieldSelector === undefined ? {} : { fieldSelector };
  const first = Promise.withResolvers<void>();
  let failures = 0;
  let troubled = false;

  function trouble(failure: ApiFailure | undefined): void {
    if (signal.aborted || (failure === undefined && !troubled)) return;
    troubled = failure !== undefined;
    onTrouble(failure);
  }

  /** The whole collection, page by page, and the version it had. */
  async function list(): Promise<string | ApiFailure> {
    const objects: KubeObject[] = [];
    let next = "";
    for (;;) {
      const page = await api.request({ path, signal, query: { ...query, limit: PAGE, ...(next === "" ? {} : { continue: next }) } });
      if (!page.ok) return page.error;
      const { items, metadata, apiVersion, kind } = page.value;
      for (const item of Array.isArray(items) ? items : []) {
        // Items of a list of built-in kinds come without their own kind.
        const object = { apiVersion, kind: typeof kind === "string" ? kind.replace(/List$/, "") : kind, ...(item as Fields) };
        if (isKubeObject(object)) objects.push(object);
      }
      const { continue: more, resourceVersion } = isFields(metadata) ? metadata : {};
      next = typeof more === "string" ? more : "";
      if (next !== "") continue;
      onList(objects);
      return String(resourceVersion ?? "");
    }
  }

  /** Watches on from `version` for as long as that goes well. */
  async function follow(version: string): Promise<ApiFailure | undefined> {
    let last = version;
    while (!signal.aborted) {
      const since = clock.now();
      const timeoutSeconds = String(WATCH_SECONDS + Math.round(random() * WATCH_SECONDS));
      const watching = { ...query, watch: "true", allowWatchBookmarks: "true", resourceVersion: last, timeoutSeconds };
      const result = await api.watch({ path, query: watching, signal }, ({ type, object }) => {
        if (!isFields(object.metadata) || typeof object.metadata.resourceVersion !== "string") return;
        last = object.metadata.resourceVersion;
        if (type !== "BOOKMARK" && type !== "ERROR" && isKubeObject(object)) onEvent(type, object);
      });
      const steady = clock.now() - since >= STEADY_MS;
      if (steady) failures = 0;
      if (!result.ok) return result.error;
      if (!steady) await pause();
    }
    return undefined;
  }

  /** Waits, longer each time. */
  function pause(): Promise<void> {
    failures += 1;
    const ms = backoff(PAUSE, failures, random);
    return new Promise((resolve) => {
      const cancel = clock.after(ms, done);
      function done(): void {
        cancel();
        signal.removeEventListener("abort", done);
        resolve();
      }
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    });
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const listed = await list();
      if (signal.aborted) break;
      if (typeof listed === "string") {
        trouble(undefined);
        first.resolve();
      }
      const failure = typeof listed === "string" ? await follow(listed) : listed;
      if (failure === undefined) break;
      // Too old a version is no trouble, only a reason to list again.
      if (failure.status !== 410) trouble(failure);
      await pause();
    }
    first.resolve();
  }

  const running = run();
  return {
    listed: first.promise,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

function isKubeObject(value: Fields): value is KubeObject {
  const { metadata } = value;
  return (
    isFields(metadata) &&
    typeof metadata.name === "string" &&
    typeof metadata.uid === "string" &&
    typeof metadata.resourceVersion === "string"
  );
}
