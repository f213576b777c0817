import { type BackoffPolicy, backoff } from "../../../base/backoff.ts";
import { bounded } from "../../../base/boundary.ts";
import { type ApiFailure, type Fields, type KubeObject, metadataAs, type Reflector, type ReflectorOptions } from "../../../model/kube.ts";
import { isFields } from "../../parse/defaults.ts";
import { listAll } from "./pages.ts";

const PAUSE: BackoffPolicy = { firstMs: 200, longestMs: 30_000, jitter: [0.5, 1] };
/** After a watch that lasted this long the backoff starts again from the shortest delay. */
const STEADY_MS = 5_000;
const WATCH_SECONDS = 300;

/**
 * If the server ends a watch, the next one starts from the last version seen. If a watch fails (410 Gone, a broken connection, a restarted server),
 * a new list follows, so that nothing is missed in between.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export function startReflector(options: ReflectorOptions): Reflector {
  return new CollectionReflector(options);
}

class CollectionReflector implements Reflector {
  private readonly options: ReflectorOptions;
  private readonly query: Readonly<Record<string, string>>;
  private readonly stopping = new AbortController();
  private readonly firstList = Promise.withResolvers<void>();
  private readonly running: Promise<void>;
  private failures = 0;
  private troubled = false;

  constructor(options: ReflectorOptions) {
    this.options = options;
    const { fieldSelector, labelSelector } = options;
    this.query = { ...(fieldSelector === undefined ? {} : { fieldSelector }), ...(labelSelector === undefined ? {} : { labelSelector }) };
    this.running = this.run();
  }

  get listed(): Promise<void> {
    return this.firstList.promise;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const listed = await this.list();
      if (signal.aborted) break;
      if (typeof listed === "string") {
        this.tell(undefined);
        this.firstList.resolve();
      }
      const failure = typeof listed === "string" ? await this.follow(listed) : listed;
      if (failure === undefined) break;
      // A version that is too old is not an error, only a reason to list again.
      if (failure.status !== 410) this.tell(failure);
      await this.pause();
    }
    this.firstList.resolve();
  }

  /** Hands out the whole collection, and gives the version it had. */
  private async list(): Promise<string | ApiFailure> {
    const { api, path, onList, keep = (object) => object } = this.options;
    const request = { path, query: this.query, ...this.accept("PartialObjectMetadataList"), signal: this.stopping.signal };
    const listed = await listAll(api, request, (item, { apiVersion, kind }) => {
      // Items of a list of built-in kinds come without their own kind.
      const object = { apiVersion, kind: typeof kind === "string" ? kind.replace(/List$/, "") : kind, ...item };
      return isKubeObject(object) ? keep(object) : undefined;
    });
    if (!listed.ok) return listed.error;
    const { items, resourceVersion } = listed.value;
    bounded(() => onList(items), this.notTaken());
    return resourceVersion;
  }

  /** Watches from `version` until a watch fails. */
  private async follow(version: string): Promise<ApiFailure | undefined> {
    const { api, path, clock, random, onEvent } = this.options;
    const { signal } = this.stopping;
    let last = version;
    while (!signal.aborted) {
      const since = clock.now();
      const timeoutSeconds = String(WATCH_SECONDS + Math.round(random() * WATCH_SECONDS));
      const query = { ...this.query, watch: "true", allowWatchBookmarks: "true", resourceVersion: last, timeoutSeconds };
      const result = await api.watch({ path, query, ...this.accept("PartialObjectMetadata"), signal }, ({ type, object }) => {
        if (!isFields(object.metadata) || typeof object.metadata.resourceVersion !== "string") return;
        last = object.metadata.resourceVersion;
        if (type !== "BOOKMARK" && type !== "ERROR" && isKubeObject(object)) bounded(() => onEvent(type, object), this.notTaken(object));
      });
      const steady = clock.now() - since >= STEADY_MS;
      if (steady) this.failures = 0;
      if (!result.ok) return result.error;
      if (!steady) await this.pause();
    }
    return undefined;
  }

  private accept(kind: Parameters<typeof metadataAs>[0]): { readonly accept?: string } {
    return this.options.metadataOnly === true ? { accept: metadataAs(kind) } : {};
  }

  private notTaken(object?: KubeObject): (error: unknown) => void {
    const { log, path } = this.options;
    const of = object === undefined ? {} : { namespace: object.metadata.namespace, name: object.metadata.name };
    return (error) => log.error("an object of a collection could not be taken in", { path, ...of, error: String(error) });
  }

  private tell(failure: ApiFailure | undefined): void {
    if (this.stopping.signal.aborted || (failure === undefined && !this.troubled)) return;
    this.troubled = failure !== undefined;
    this.options.onTrouble(failure);
  }

  /** Backs off. */
  private pause(): Promise<void> {
    const { clock, random } = this.options;
    const { signal } = this.stopping;
    this.failures += 1;
    const ms = backoff(PAUSE, this.failures, random);
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
