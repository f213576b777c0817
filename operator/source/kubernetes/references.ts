import type { Clock } from "../../../model/clock.ts";
import type { Log } from "../../../model/log.ts";
import { fail, failForNow, ok, type Result } from "../../../model/result.ts";
import { isFields } from "../../parse/defaults.ts";
import type { ApiFailure, KubeApi } from "./api.ts";
import { type KubeObject, type Reflector, startReflector } from "./reflector.ts";

export type Data = ReadonlyMap<string, Buffer>;
export type ReferenceKind = "secret" | "configmap";

/** Secrets and ConfigMaps that filters name, each read and watched on its own; Weir never lists the others. */
export interface References {
  /** The data as of now. The first read waits for the API server, at most `patienceMs`; what was read is watched from then on. */
  read(kind: ReferenceKind, namespace: string, name: string): Promise<Result<Data>>;
  /** Stops watching what nobody names any more and nobody read for a while. `isNamed` gets `secret/namespace/name`. */
  expire(isNamed: (id: string) => boolean): void;
  stop(): Promise<void>;
}

export interface ReferencesOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  /** Gets `secret/namespace/name` when its data changed, it came or it went. */
  readonly onChange: (id: string) => void;
  /** Default 10 s. */
  readonly patienceMs?: number;
}

const KEEP_MS = 10 * 60_000;
const KINDS = {
  secret: { plural: "secrets", word: "Secret", missing: "SecretNotFound", forbidden: "SecretForbidden" },
  configmap: { plural: "configmaps", word: "ConfigMap", missing: "ConfigMapNotFound", forbidden: "ConfigMapForbidden" },
} as const;

interface Entry {
  readonly reflector: Reflector;
  /** `undefined`: there is no such object. */
  data: Data | undefined;
  listed: boolean;
  trouble: ApiFailure | undefined;
  lastRead: number;
  /** Somebody got an answer about it and wants to hear of changes. */
  told: boolean;
  /** Resolves at the first list or the first trouble. */
  readonly answered: Promise<void>;
}

export function createReferences({ api, clock, log, random, onChange, patienceMs = 10_000 }: ReferencesOptions): References {
  const entries = new Map<string, Entry>();

  function watch(id: string, kind: ReferenceKind, namespace: string, name: string): Entry {
    const answered = Promise.withResolvers<void>();
    const set = (data: Data | undefined): void => {
      const changed = !entry.listed || !sameData(entry.data, data);
      entry.data = data;
      entry.listed = true;
      answered.resolve();
      if (changed && entry.told) onChange(id);
    };
    const reflector = startReflector({
      ...{ api, clock, random },
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/${KINDS[kind].plural}`,
      fieldSelector: `metadata.name=${name}`,
      onList: ([object]) => set(object === undefined ? undefined : dataOf(kind, object)),
      onEvent: (type, object) => set(type === "DELETED" ? undefined : dataOf(kind, object)),
      onTrouble(failure) {
        entry.trouble = failure;
        answered.resolve();
        if (failure !== undefined)
          log.warn("a reference cannot be watched; trying again", { reference: id, reason: failure.reason, message: failure.message });
      },
    });
    const entry: Entry = {
      reflector,
      data: undefined,
      listed: false,
      trouble: undefined,
      lastRead: clock.now(),
      told: false,
      answered: answered.promise,
    };
    entries.set(id, entry);
    return entry;
  }

  return {
    async read(kind, namespace, name) {
      const id = `${kind}/${namespace}/${name}`;
      const entry = entries.get(id) ?? watch(id, kind, namespace, name);
      entry.lastRead = clock.now();
      await within(entry.answered, clock, patienceMs);
      entry.told = true;
      const { word, missing, forbidden } = KINDS[kind];
      if (entry.data !== undefined) return ok(entry.data);
      if (entry.listed) return fail(missing, `${word} ${namespace}/${name} does not exist; create it`);
      if (entry.trouble?.status === 403) return fail(forbidden, `${word} ${namespace}/${name} may not be read: ${entry.trouble.message}`);
      return failForNow(
        "ApiServerUnreachable",
        `${word} ${namespace}/${name} is not known yet: ${entry.trouble?.message ?? "no answer from the API server"}`,
      );
    },
    expire(isNamed) {
      for (const [id, entry] of entries) {
        if (isNamed(id) || clock.now() - entry.lastRead < KEEP_MS) continue;
        entries.delete(id);
        void entry.reflector.stop();
      }
    },
    async stop() {
      await Promise.all([...entries.values()].map(({ reflector }) => reflector.stop()));
      entries.clear();
    },
  };
}

/** Waits for `work`, at most `ms`. */
async function within(work: Promise<void>, clock: Clock, ms: number): Promise<void> {
  const patience = Promise.withResolvers<void>();
  const cancel = clock.after(ms, patience.resolve);
  await Promise.race([work, patience.promise]);
  cancel();
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

function sameData(a: Data | undefined, b: Data | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.size === b.size && [...a].every(([key, value]) => b.get(key)?.equals(value) === true);
}
