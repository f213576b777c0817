import { inBackground } from "../../../base/boundary.ts";
import { shared } from "../../../base/shared.ts";
import type { Clock } from "../../../model/clock.ts";
import type { ApiFailure, KubeApi, KubeObject, Reflector } from "../../../model/kube.ts";
import type { Log } from "../../../model/log.ts";
import { fail, failForNow, ok, type Result } from "../../../model/result.ts";
import { isFields } from "../../parse/defaults.ts";
import { type Data, sameData, type Versioned } from "../data.ts";
import type { Reading } from "../source.ts";
import { wordsOf } from "../words.ts";
import { listAll } from "./pages.ts";
import { startReflector } from "./reflector.ts";

export type ReferenceKind = "secret" | "configmap";

/** Secrets and ConfigMaps that filters refer to. Each is read and watched by its name; Weir never lists the others. */
export interface References {
  /** The data as of now. The first read waits for the API server, at most `timeoutMs`. After it the object is watched. */
  read(kind: ReferenceKind, namespace: string, name: string, reading?: Reading): Promise<Result<Versioned>>;
  /** Stops watching what no filter refers to and nobody read for a while. `isNamed` gets `secret/namespace/name`. */
  expire(isNamed: (id: string) => boolean): void;
  stop(): Promise<void>;
}

export interface ReferencesOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  /** Gets `secret/namespace/name` when the object was created, changed or removed. */
  readonly onChange: (id: string) => void;
  /** Default 10 s. */
  readonly timeoutMs?: number;
}

const KEEP_MS = 10 * 60_000;
const KINDS = {
  secret: { plural: "secrets", word: "Secret", missing: "SecretNotFound", forbidden: "SecretForbidden" },
  configmap: { plural: "configmaps", word: "ConfigMap", missing: "ConfigMapNotFound", forbidden: "ConfigMapForbidden" },
} as const;

interface Entry {
  readonly reflector: Reflector;
  /** `undefined`: there is no such object. */
  found: Versioned | undefined;
  listed: boolean;
  trouble: ApiFailure | undefined;
  lastRead: number;
  /** It was read, so changes are reported. */
  told: boolean;
  /** Resolves at the first list or the first trouble. */
  readonly answered: Promise<void>;
}

export function createReferences(options: ReferencesOptions): References {
  return new WatchedReferences(options);
}

class WatchedReferences implements References {
  private readonly options: ReferencesOptions;
  private readonly entries = new Map<string, Entry>();

  constructor(options: ReferencesOptions) {
    this.options = options;
  }

  async read(kind: ReferenceKind, namespace: string, name: string, { once = false }: Reading = {}): Promise<Result<Versioned>> {
    const { clock, timeoutMs = 10_000 } = this.options;
    const id = `${kind}/${namespace}/${name}`;
    const held = this.entries.get(id);
    if (held === undefined && once) return resultOf(kind, namespace, name, await this.list(kind, namespace, name));
    const entry = held ?? shared(() => this.watch(id, kind, namespace, name));
    if (!once) entry.lastRead = clock.now();
    await within(entry.answered, clock, timeoutMs);
    if (!once) entry.told = true;
    return resultOf(kind, namespace, name, entry);
  }

  expire(isNamed: (id: string) => boolean): void {
    const now = this.options.clock.now();
    for (const [id, entry] of this.entries) {
      if (isNamed(id) || now - entry.lastRead < KEEP_MS) continue;
      this.entries.delete(id);
      inBackground(entry.reflector.stop(), (error) =>
        this.options.log.error("a watch could not be ended", { reference: id, error: String(error) }),
      );
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.entries.values()].map(({ reflector }) => reflector.stop()));
    this.entries.clear();
  }

  /** By a list, as a watch begins: the right to get is not needed. */
  private async list(kind: ReferenceKind, namespace: string, name: string): Promise<Pick<Entry, "found" | "listed" | "trouble">> {
    const request = { path: pathOf(kind, namespace), query: selectorOf(name) };
    const listed = await listAll(this.options.api, request, (item) => item as KubeObject);
    if (!listed.ok) return { found: undefined, listed: false, trouble: listed.error };
    const [object] = listed.value.items;
    return { found: versionedOf(kind, object), listed: true, trouble: undefined };
  }

  private watch(id: string, kind: ReferenceKind, namespace: string, name: string): Entry {
    const { api, clock, log, random, onChange } = this.options;
    const answered = Promise.withResolvers<void>();
    const set = (object: KubeObject | undefined): void => {
      const found = versionedOf(kind, object);
      const changed = !entry.listed || !sameData(entry.found?.data, found?.data);
      entry.found = found;
      entry.listed = true;
      answered.resolve();
      if (changed && entry.told) onChange(id);
    };
    const reflector = startReflector({
      api,
      clock,
      random,
      path: pathOf(kind, namespace),
      ...selectorOf(name),
      log,
      onList: ([object]) => set(object),
      onEvent: (type, object) => set(type === "DELETED" ? undefined : object),
      onTrouble(failure) {
        entry.trouble = failure;
        answered.resolve();
        if (failure !== undefined)
          log.warn("a reference cannot be watched; trying again", { reference: id, reason: failure.reason, message: failure.message });
      },
    });
    const lastRead = clock.now();
    const entry: Entry = {
      reflector,
      found: undefined,
      listed: false,
      trouble: undefined,
      lastRead,
      told: false,
      answered: answered.promise,
    };
    this.entries.set(id, entry);
    return entry;
  }
}

function pathOf(kind: ReferenceKind, namespace: string): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/${KINDS[kind].plural}`;
}

function selectorOf(name: string) {
  return { fieldSelector: `metadata.name=${name}` };
}

function resultOf(
  kind: ReferenceKind,
  namespace: string,
  name: string,
  { found, listed, trouble }: Pick<Entry, "found" | "listed" | "trouble">,
): Result<Versioned> {
  const { word, missing, forbidden } = KINDS[kind];
  const what = `${word} ${namespace}/${name}`;
  if (found !== undefined) return ok(found);
  if (listed) return fail(missing, `${what} does not exist; create it`);
  const words = wordsOf(trouble?.message ?? "no answer from the API server");
  if (trouble?.status === 403) return fail(forbidden, `${what} may not be read: ${words}; grant Weir its ClusterRole (docs/rbac.yaml)`);
  return failForNow(trouble?.reason ?? "ApiServerUnreachable", `${what} is not known yet: ${words}`);
}

/** Waits for `work`, at most `ms`. */
async function within(work: Promise<void>, clock: Clock, ms: number): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const cancel = clock.after(ms, timeout.resolve);
  await Promise.race([work, timeout.promise]);
  cancel();
}

function versionedOf(kind: ReferenceKind, object: KubeObject | undefined): Versioned | undefined {
  return object && { data: dataOf(kind, object), version: versionOf(object) };
}

/** Two objects of one name have different uids, two states of one object different resource versions. */
function versionOf({ metadata: { uid, resourceVersion } }: KubeObject): string | undefined {
  return uid === undefined || uid === "" ? undefined : `${uid}/${resourceVersion}`;
}

function dataOf(kind: ReferenceKind, object: KubeObject): Data {
  const data = new Map<string, Buffer>();
  const put = (values: unknown, encoding: "base64" | "utf8"): void => {
    if (!isFields(values)) return;
    for (const [key, value] of Object.entries(values)) if (typeof value === "string") data.set(key, Buffer.from(value, encoding));
  };
  if (kind === "secret") put(object.data, "base64");
  else {
    put(object.binaryData, "base64");
    put(object.data, "utf8");
  }
  return data;
}
