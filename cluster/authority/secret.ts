import type { ApiFailure, Fields, KubeApi } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import { failForNow, ok, type Result } from "../../model/result.ts";
import { refusal } from "../refusal.ts";

/** A Secret as far as keys need it. */
export interface Secret {
  /** `undefined`: the API server did not say. */
  readonly uid?: string | undefined;
  readonly resourceVersion: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** What its data holds, decoded. */
  readonly data: ReadonlyMap<string, Buffer>;
}

export interface SecretContent {
  /** `null`: there is none, here and in `data`. */
  readonly annotations?: Readonly<Record<string, string | null>>;
  readonly data: Readonly<Record<string, string | Uint8Array | null>>;
  /** Nobody changes its data after it was made. */
  readonly immutable?: boolean;
}

/** One Secret of Weir's own namespace. Failures say what right is missing, and never what the Secret holds. */
export interface SecretStore {
  /** `namespace/name`, for messages. */
  readonly id: string;
  /** `undefined`: there is none. */
  read(): Promise<Result<Secret | undefined>>;
  /** The Secret that is there afterwards: the one made, or that of whoever was first. */
  create(content: SecretContent): Promise<Result<Secret>>;
  /** Changes what is named and nothing else. `undefined`: somebody else changed or removed the Secret since `resourceVersion`. */
  change(content: SecretContent, resourceVersion: string): Promise<Result<Secret | undefined>>;
}

export function createSecretStore(api: KubeApi, namespace: string, name: string): SecretStore {
  const collection = `/api/v1/namespaces/${namespace}/secrets`;
  const path = `${collection}/${name}`;
  const id = `${namespace}/${name}`;
  const labels = { "app.kubernetes.io/managed-by": "weir" };
  const failed = (verb: string, error: ApiFailure) => refusal({ verb, resource: "secrets", id, namespace }, error);
  const store: SecretStore = {
    id,
    async read() {
      const found = await api.request({ path });
      if (found.ok) return ok(secretOf(found.value));
      return found.error.status === 404 ? ok(undefined) : failed("get", found.error);
    },
    async create(content) {
      const { annotations = {}, immutable = false } = content;
      const metadata = { name, namespace, labels, annotations: present(annotations) };
      const body = { apiVersion: "v1", kind: "Secret", type: "Opaque", immutable, metadata, data: present(encoded(content)) };
      const made = await api.request({ method: "POST", path: collection, body });
      if (made.ok) return ok(secretOf(made.value));
      if (made.error.status !== 409) return failed("create", made.error);
      const first = await store.read();
      if (!first.ok) return first;
      return first.value === undefined
        ? failForNow("SecretGone", `the Secret ${id} was made and removed at once; start again`)
        : ok(first.value);
    },
    async change(content, resourceVersion) {
      const { annotations = {} } = content;
      const body = { metadata: { resourceVersion, annotations }, data: encoded(content) };
      const done = await api.request({ method: "PATCH", path, contentType: "application/merge-patch+json", body });
      if (done.ok) return ok(secretOf(done.value));
      return done.error.status === 409 || done.error.status === 404 ? ok(undefined) : failed("patch", done.error);
    },
  };
  return store;
}

/** What a Secret holds that is not there yet. */
export interface FirstContent<T> {
  /** What it is of, for the log. */
  readonly what: string;
  /** What this Weir had before it kept it in a Secret; `undefined`: nothing. */
  readonly before: () => Promise<Result<T | undefined>>;
  readonly contentOf: (before: T | undefined) => SecretContent;
  readonly log: Log;
}

/** The Secret that is there, or else is made now. Two that start at once get the same one. */
export async function readOrMake<T>(store: SecretStore, { what, before, contentOf, log }: FirstContent<T>): Promise<Result<Secret>> {
  const found = await store.read();
  if (!found.ok) return found;
  if (found.value !== undefined) return ok(found.value);
  const old = await before();
  if (!old.ok) return old;
  const made = await store.create(contentOf(old.value));
  if (made.ok) log.info(`${what} is in a Secret`, { object: `Secret ${store.id}`, from: old.value === undefined ? "made now" : "--data" });
  return made;
}

function encoded({ data }: SecretContent): Record<string, string | null> {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, value === null ? null : Buffer.from(value).toString("base64")]),
  );
}

function present(record: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).filter((entry): entry is [string, string] => entry[1] !== null));
}

/** `object`: a Secret of the API. */
export function secretOf({ metadata, data }: Fields): Secret {
  const { uid, resourceVersion = "", annotations = {} } = (metadata ?? {}) as Partial<Secret>;
  const entries = Object.entries((data ?? {}) as Record<string, unknown>);
  return { uid, resourceVersion, annotations, data: new Map(entries.map(([key, value]) => [key, Buffer.from(String(value), "base64")])) };
}
