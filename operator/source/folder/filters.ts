import pLimit from "p-limit";
import type { Clock } from "../../../model/clock.ts";
import { printExactJson } from "../../../model/exact-json.ts";
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
 * The WasmFilters of a folder, with what an API server would add: uid, generation (counts changes of the spec), creation time and status.
 * These survive a restart.
 */
export interface Filters {
  /** Reads what is stored. Returns it as objects of the files they came from. */
  load(onDamage: (path: string) => void): Promise<{ readonly file: string; readonly object: ManifestObject }[]>;
  /** Sets the objects that the folder holds now. Resolves when identities are on disk. A failed write is logged and retried next time. */
  replace(placed: ReadonlyMap<string, Placed>): Promise<void>;
  all(): ReadonlyMap<string, WasmFilter>;
  /** True if this object, and not a later one with its name, is there. */
  owns(key: FilterKey, uid: string): boolean;
  /** Resolves when the status is on disk. Rejects if the write fails. */
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

/** A thousand first writes one after the other would take seconds. */
const PARALLEL_WRITES = 16;

export function createFilters(options: FiltersOptions): Filters {
  return new KeptFilters(options);
}

class KeptFilters implements Filters {
  private readonly options: FiltersOptions;
  private readonly stored = new Map<string, StoredFilter>();
  private readonly unsaved = new Set<string>();
  /** The uids of what is on disk. */
  private readonly saved = new Map<string, string>();
  private readonly writer = createWriter((id) => this.save(id));
  private objects: ReadonlyMap<string, WasmFilter> = new Map();

  constructor(options: FiltersOptions) {
    this.options = options;
  }

  async load(onDamage: (path: string) => void): Promise<{ readonly file: string; readonly object: ManifestObject }[]> {
    const kept = await this.options.store.load(onDamage);
    return kept.map((filter) => {
      this.stored.set(filterId(filter.metadata), filter);
      this.saved.set(filterId(filter.metadata), filter.metadata.uid);
      const { file, metadata, spec } = filter;
      const { namespace, name } = metadata;
      const fields = { apiVersion: API_VERSION, kind: KIND, metadata, spec };
      return { file, object: { kind: KIND, namespace, name, fields, line: 1, document: 0 } };
    });
  }

  async replace(placed: ReadonlyMap<string, Placed>): Promise<void> {
    const { stored, unsaved, objects: before } = this;
    const now = [...placed].map(([id, placement]) => [id, this.place(id, placement)] as const);
    for (const id of stored.keys()) {
      if (placed.has(id)) continue;
      stored.delete(id);
      unsaved.add(id);
    }
    await pLimit(PARALLEL_WRITES).map(unsaved, async (id) => {
      await this.persist(id).catch((error: unknown) => {
        this.options.log.error("the data folder cannot be written; trying again", { filter: id, error: String(error) });
      });
    });
    this.objects = new Map(now.map(([id, object]) => [id, unlessSame(before.get(id), withStatus(object, stored.get(id)?.status))]));
    for (const id of new Set([...before.keys(), ...this.objects.keys()])) {
      if (!same(withoutStatus(before.get(id)), withoutStatus(this.objects.get(id)))) this.options.onChange(id);
    }
  }

  all(): ReadonlyMap<string, WasmFilter> {
    return this.objects;
  }

  owns(key: FilterKey, uid: string): boolean {
    return this.stored.get(filterId(key))?.metadata.uid === uid;
  }

  async setStatus(id: string, status: WasmFilterStatus): Promise<void> {
    const filter = this.stored.get(id);
    const object = this.objects.get(id);
    if (filter === undefined || object === undefined) return;
    if (!same(filter.status, status)) {
      this.stored.set(id, { ...filter, status });
      this.objects = new Map(this.objects).set(id, withStatus(object, status));
      this.unsaved.add(id);
    }
    if (this.unsaved.has(id)) await this.persist(id);
  }

  pending(): boolean {
    return this.unsaved.size > 0;
  }

  flush(): Promise<void> {
    return this.writer.flush();
  }

  /** The object that a manifest describes, with its stored identity or a new one. */
  private place(id: string, { file, fields }: Placed): WasmFilter {
    const { clock, newUid } = this.options;
    const before = this.stored.get(id);
    const spec = fields.spec as WasmFilterSpec;
    const identity = before?.metadata ?? { uid: newUid(), generation: 0, creationTimestamp: new Date(clock.now()).toISOString() };
    const generation = before !== undefined && same(before.spec, spec) ? before.metadata.generation : identity.generation + 1;
    const metadata = { ...toMetadata(fields, keyOf(id)), uid: identity.uid, generation, ...created(identity) };
    const now: StoredFilter = { file, metadata, spec, status: before?.status };
    if (!same(before, now)) {
      this.stored.set(id, now);
      this.unsaved.add(id);
    }
    return toObject(fields, now);
  }

  private async persist(id: string): Promise<void> {
    try {
      await this.writer.write(id);
      this.unsaved.delete(id);
    } catch (error) {
      this.unsaved.add(id);
      throw error;
    }
  }

  private async save(id: string): Promise<void> {
    const { stored, saved, options } = this;
    const filter = stored.get(id);
    const uid = filter?.metadata.uid;
    // Another object of this name, whose removal failed, leaves no revisions to this one.
    if (uid === undefined || (saved.get(id) ?? uid) !== uid) {
      await options.store.remove(keyOf(id));
      saved.delete(id);
    }
    if (filter === undefined || uid === undefined) return;
    await options.store.save(filter);
    saved.set(id, uid);
  }
}

interface Writer {
  /** Resolves when the current state of `id` is on disk. Calls during a write share one further write. */
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

/** Unknown fields are kept, so that parsing can refuse them. */
function toObject(fields: Fields, { metadata }: StoredFilter): WasmFilter {
  return { ...fields, metadata } as unknown as WasmFilter;
}

function withStatus(object: WasmFilter, status: WasmFilterStatus | undefined): WasmFilter {
  if (same(object.status, status)) return object;
  const { status: _, ...rest } = object;
  return status === undefined ? rest : { ...rest, status };
}

/** An unchanged object stays the same JavaScript object, so that what was derived from it can be reused. */
function unlessSame(before: WasmFilter | undefined, now: WasmFilter): WasmFilter {
  return before !== undefined && same(before, now) ? before : now;
}

function withoutStatus(object: WasmFilter | undefined): unknown {
  return object === undefined ? undefined : { ...object, status: undefined };
}

/** Equal as JSON, the order of keys included: a config's text depends on it. */
function same(a: unknown, b: unknown): boolean {
  return a === b || printExactJson(a) === printExactJson(b);
}
