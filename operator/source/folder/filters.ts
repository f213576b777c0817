import pLimit from "p-limit";
import type { Clock } from "../../../model/clock.ts";
import { type FilterKey, filterId } from "../../../model/filter.ts";
import {
  API_VERSION,
  KIND,
  type ObjectMeta,
  type WasmFilter,
  type WasmFilterSpec,
  type WasmFilterStatus,
} from "../../../model/gen/wasmfilter.ts";
import type { Log } from "../../../model/log.ts";
import { type Fields, isFields } from "../../parse/defaults.ts";
import type { Placed } from "./assemble.ts";
import type { ManifestObject } from "./manifest.ts";
import type { FolderStore, StoredFilter } from "./store.ts";

/**
 * The WasmFilters of a folder with what an API server would add: uid, generation (counts changes of the spec), creation time and status,
 * all of them kept over restarts.
 */
export interface Filters {
  /** Reads what was kept. Returns it as objects of the files they came from. */
  load(onDamage: (path: string) => void): Promise<{ readonly file: string; readonly object: ManifestObject }[]>;
  /** The objects that the folder holds now. Resolves when identities are on the disk; a disk that fails is logged and tried again next time. */
  replace(placed: ReadonlyMap<string, Placed>): Promise<void>;
  all(): ReadonlyMap<string, WasmFilter>;
  /** True when this very object (not one made later under its name) is there. */
  owns(key: FilterKey, uid: string): boolean;
  /** Resolves when the status is on the disk; at once when it is there already. Rejects when the disk fails. */
  setStatus(id: string, status: WasmFilterStatus): Promise<void>;
  /** True when a write failed or is under way. */
  pending(): boolean;
  /** Resolves when every write under way has ended. */
  flush(): Promise<void>;
}

export interface FiltersOptions {
  readonly store: FolderStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly newUid: () => string;
  readonly onChange: (id: string) => void;
}

/** A disk takes several writes at once; a thousand first writes one after the other would take seconds. */
const PARALLEL_WRITES = 16;

export function createFilters({ store, clock, log, newUid, onChange }: FiltersOptions): Filters {
  const stored = new Map<string, StoredFilter>();
  const unsaved = new Set<string>();
  let objects: ReadonlyMap<string, WasmFilter> = new Map();
  const writer = createWriter(async (id) => {
    const filter = stored.get(id);
    if (filter === undefined) await store.remove(keyOf(id));
    else await store.save(filter);
  });

  function place(id: string, { file, fields }: Placed): WasmFilter {
    const before = stored.get(id);
    const spec = fields.spec as WasmFilterSpec;
    const identity = before?.metadata ?? { uid: newUid(), generation: 0, creationTimestamp: new Date(clock.now()).toISOString() };
    const generation = before !== undefined && same(before.spec, spec) ? before.metadata.generation : identity.generation + 1;
    const metadata = { ...toMetadata(fields, keyOf(id)), uid: identity.uid, generation, ...created(identity) };
    const now: StoredFilter = { file, metadata, spec, status: before?.status };
    if (!same(before, now)) {
      stored.set(id, now);
      unsaved.add(id);
    }
    return toObject(fields, now);
  }

  async function persist(id: string): Promise<void> {
    try {
      await writer.write(id);
      unsaved.delete(id);
    } catch (error) {
      unsaved.add(id);
      throw error;
    }
  }

  return {
    async load(onDamage) {
      const found = await store.load(onDamage);
      return found.map((filter) => {
        stored.set(filterId(filter.metadata), filter);
        const { file, metadata, spec } = filter;
        const { namespace, name } = metadata;
        return {
          file,
          object: { kind: KIND, namespace, name, fields: { apiVersion: API_VERSION, kind: KIND, metadata, spec }, line: 1, document: 0 },
        };
      });
    },
    async replace(placed) {
      const before = objects;
      const now = new Map([...placed].map(([id, placement]) => [id, place(id, placement)]));
      for (const id of stored.keys()) {
        if (placed.has(id)) continue;
        stored.delete(id);
        unsaved.add(id);
      }
      await pLimit(PARALLEL_WRITES).map(unsaved, async (id) => {
        await persist(id).catch((error: unknown) => {
          log.error("the data folder cannot be written; trying again", { filter: id, error: String(error) });
        });
      });
      objects = new Map([...now].map(([id, object]) => [id, unlessSame(before.get(id), withStatus(object, stored.get(id)?.status))]));
      for (const id of new Set([...before.keys(), ...objects.keys()])) {
        if (!same(withoutStatus(before.get(id)), withoutStatus(objects.get(id)))) onChange(id);
      }
    },
    all: () => objects,
    owns: (key, uid) => stored.get(filterId(key))?.metadata.uid === uid,
    async setStatus(id, status) {
      const filter = stored.get(id);
      const object = objects.get(id);
      if (filter === undefined || object === undefined) return;
      if (!same(filter.status, status)) {
        stored.set(id, { ...filter, status });
        objects = new Map(objects).set(id, withStatus(object, status));
        unsaved.add(id);
      }
      if (unsaved.has(id)) await persist(id);
    },
    pending: () => unsaved.size > 0,
    flush: () => writer.flush(),
  };
}

interface Writer {
  /** Resolves when the present state of `id` is on the disk. Asked again while a write runs, one more follows it, however often asked. */
  write(id: string): Promise<void>;
  flush(): Promise<void>;
}

function createWriter(save: (id: string) => Promise<void>): Writer {
  const running = new Map<string, Promise<void>>();
  const queued = new Map<string, Promise<void>>();
  function start(id: string): Promise<void> {
    queued.delete(id);
    const work = save(id).finally(() => {
      if (running.get(id) === work) running.delete(id);
    });
    running.set(id, work);
    return work;
  }
  return {
    write(id) {
      const before = running.get(id);
      if (before === undefined) return start(id);
      const next =
        queued.get(id) ??
        before.then(
          () => start(id),
          () => start(id),
        );
      queued.set(id, next);
      return next;
    },
    async flush() {
      while (running.size > 0) await Promise.allSettled([...running.values(), ...queued.values()]);
    },
  };
}

function keyOf(id: string): FilterKey {
  const slash = id.indexOf("/");
  return { namespace: id.slice(0, slash), name: id.slice(slash + 1) };
}

function toMetadata(fields: Fields, { namespace, name }: FilterKey): ObjectMeta & { readonly namespace: string } {
  const { labels, annotations } = isFields(fields.metadata) ? fields.metadata : {};
  return { name, namespace, ...(isTexts(labels) ? { labels } : {}), ...(isTexts(annotations) ? { annotations } : {}) };
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isFields(value) && Object.values(value).every((text) => typeof text === "string");
}

function created({ creationTimestamp }: { readonly creationTimestamp?: string }): { readonly creationTimestamp?: string } {
  return creationTimestamp === undefined ? {} : { creationTimestamp };
}

/** Fields that no WasmFilter has are kept, for parsing to refuse them. */
function toObject(fields: Fields, { metadata }: StoredFilter): WasmFilter {
  return { ...fields, metadata } as unknown as WasmFilter;
}

function withStatus(object: WasmFilter, status: WasmFilterStatus | undefined): WasmFilter {
  if (same(object.status, status)) return object;
  const { status: _, ...rest } = object;
  return status === undefined ? rest : { ...rest, status };
}

/** Objects keep their identity while they are the same, so that what was derived from them can be kept too. */
function unlessSame(before: WasmFilter | undefined, now: WasmFilter): WasmFilter {
  return before !== undefined && same(before, now) ? before : now;
}

function withoutStatus(object: WasmFilter | undefined): unknown {
  return object === undefined ? undefined : { ...object, status: undefined };
}

/** Equal as JSON, the order of keys included: a config's text depends on it. */
function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
