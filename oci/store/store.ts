import type { DraftFile } from "../../base/atomic-file.ts";
import { isSystemError } from "../../base/error.ts";
import { isRecord } from "../../base/json.ts";
import type { Clock } from "../../model/clock.ts";
import type { CarriedSchema } from "../../model/config-schema.ts";
import type { Digest } from "../../model/digest.ts";
import type { Log } from "../../model/log.ts";
import type { Module } from "../../model/module.ts";
import { failForNow, ok, type Result } from "../../model/result.ts";
import type { ModuleSink } from "../image/sink.ts";
import { type Blobs, createBlobs } from "./blobs.ts";
import { takeOver } from "./earlier.ts";
import { createEvictor, evict } from "./eviction.ts";
import { createHolds } from "./holds.ts";
import { removeLitter } from "./litter.ts";
import { createNeededNote } from "./needed.ts";
import { createRecords, isDigestValue, namesOf, type Records } from "./records.ts";
import { startScrub } from "./scrub.ts";

export interface StoreOptions {
  /** Made when missing. One process writes to it at a time; any number may read. */
  readonly directory: string;
  /** Modules beyond this many bytes in total are evicted, least recently used first. */
  readonly maxBytes: number;
  readonly log: Log;
  readonly clock: Clock;
  /** How the modules are read again in the background; absent: not at all. */
  readonly scrub?: { readonly intervalMs: number; readonly bytesPerSecond: number } | undefined;
  /** Is told of each module whose file was damaged. */
  readonly onDamaged?: (wasmDigest: Digest) => void;
}

/** Where a module came from: each kind has a key space of its own. */
export type Space = "manifests" | "urls";

/** What the store knows by a digest, and the repositories that delivered it. None: a URL did, or it is not known (an earlier version's record). */
export interface Delivered<T> {
  readonly value: T;
  readonly from: readonly string[];
}

/**
 * Modules on disk by the digest of their bytes, and records of which manifest has which module and which index has which manifest. Every write is atomic; every read verifies the digest.
 */
export interface Store {
  /** The record of this manifest's or URL's digest. The module's file may be gone all the same: see `has`. */
  module(space: Space, digest: Digest): Promise<Delivered<Module> | undefined>;
  /** The manifest that this index was once resolved to. */
  manifestOf(index: Digest): Promise<Delivered<Digest> | undefined>;
  /**
   * Keeps the bytes and the record, with the repository that delivered them. Fails with `StoreFailed`; throws when the bytes are not those of
   * `wasmDigest`.
   */
  put(space: Space, module: Module, bytes: Uint8Array<ArrayBuffer>, from?: string): Promise<Result<Module>>;
  /**
   * Has `fetch` write a module to the disk as it comes, and keeps it with its record where that went well. Nothing is left of one that could not be had whole. Fails as
   * `fetch` does, and with `StoreFailed`.
   */
  bring(space: Space, from: string | undefined, fetch: (sink: ModuleSink) => Promise<Result<Module>>): Promise<Result<Module>>;
  putIndex(index: Digest, manifest: Digest, from: string): Promise<Result<void>>;
  /** The bytes, verified; the same array as long as anyone holds it. A damaged file is set aside and logged. */
  read(wasmDigest: Digest): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** True when the module's file is there and verified, earlier or now. Keeps no bytes in memory. */
  has(wasmDigest: Digest): Promise<boolean>;
  /** Somebody is about to need this module, and no revision says so yet: it stays for a while. What `put` brings is held by itself. */
  hold(wasmDigest: Digest): void;
  /**
   * Gives the digests of manifests or modules to keep when something must go; `undefined`: they are not all known. Nothing is evicted before the first call, since only
   * then it is known what is needed.
   */
  retain(needed: () => ReadonlySet<Digest> | undefined): void;
  /** Bytes of modules on disk, of all or of these. */
  bytes(of?: ReadonlySet<Digest>): Promise<number>;
  /** Resolves when the running evictions are done. */
  settled(): Promise<void>;
}

/** Repositories that a record remembers, the latest first. One that is forgotten delivers the bytes once more when it is named. */
const MAX_FROM = 16;

export function createStore(options: StoreOptions): Store {
  const { log, clock, directory } = options;
  const opened = clock.now();
  const records = createRecords(options);
  const blobs = createBlobs(options);
  const holds = createHolds(clock, () => evictor.soon());
  const note = createNeededNote(options);
  const evictor = createEvictor(
    (needed) => settledRecords().then((all) => evict(blobs, all, options, () => needed()?.union(holds.current()))),
    log,
  );
  let settling: Promise<unknown> | undefined;
  if (options.scrub !== undefined) startScrub(blobs, { ...options.scrub, clock, log });

  /** The records, once what an earlier version or a killed process left is where it belongs. */
  async function settledRecords(): Promise<Records> {
    settling ??= removeLitter(directory, opened, log).then(() => takeOver(directory, log));
    await settling;
    return records;
  }

  /** Keeps the module's bytes by `write`, and its record. */
  async function keep(space: Space, module: Module, from: string | undefined, write: () => Promise<void>): Promise<Result<Module>> {
    // From now on: an eviction may list it as soon as it is there.
    holds.add(module.wasmDigest);
    const written = await writing(async () => {
      const known = await settledRecords();
      await write();
      await writeRecord(known, space, module, from);
      return module;
    });
    evictor.soon(); // also where it could not be written: the disk may be full
    return written;
  }

  return {
    async module(space, digest) {
      return deliveredModule(digest, (await (await settledRecords()).read(space, digest)) ?? {});
    },
    async manifestOf(index) {
      const { manifest, from } = (await records.read("indexes", index)) ?? {};
      return isDigestValue(manifest) ? { value: manifest, from: namesOf(from) } : undefined;
    },
    put: (space, module, bytes, from) => keep(space, module, from, () => blobs.write(module.wasmDigest, bytes)),
    bring: (space, from, fetch) =>
      drafted(blobs, async (draft) => {
        await settledRecords(); // removes drafts that a killed process left
        const fetched = await fetch(draft);
        if (!fetched.ok) return fetched;
        const { wasmDigest, size } = fetched.value;
        return keep(space, fetched.value, from, () => blobs.keep(draft, wasmDigest, size));
      }),
    putIndex(index, manifest, from) {
      return writing(async () => {
        const known = await records.read("indexes", index);
        await records.write("indexes", index, { manifest, from: withName(known?.from, from) });
      });
    },
    read: (digest) => blobs.read(digest),
    has: (digest) => blobs.has(digest),
    hold: (digest) => holds.add(digest),
    retain(given) {
      note.write(given);
      evictor.retain(given);
    },
    async bytes(of) {
      const sizes = await blobs.sizes();
      if (of === undefined) return sizes.values().reduce((sum, size) => sum + size, 0);
      return of.values().reduce((sum, digest) => sum + (sizes.get(digest) ?? 0), 0);
    },
    settled: () => evictor.settled(),
  };
}

async function writeRecord(records: Records, space: Space, { digest, ...record }: Module, from: string | undefined): Promise<void> {
  const known = await records.read(space, digest);
  await records.write(space, digest, { ...record, from: withName(known?.from, from) });
}

/** Runs with a draft, of which nothing is left unless it was kept. */
async function drafted<T>(blobs: Blobs, work: (draft: DraftFile) => Promise<Result<T>>): Promise<Result<T>> {
  const draft = blobs.draft();
  try {
    const outcome = await writing(() => work(draft));
    return outcome.ok ? outcome.value : outcome;
  } finally {
    await draft.discard();
  }
}

/** What a record says; `undefined`: it is none of a module. */
function deliveredModule(digest: Digest, record: Readonly<Record<string, unknown>>): Delivered<Module> | undefined {
  const { wasmDigest, size, mediaType, configSchema, from } = record;
  if (!isDigestValue(wasmDigest) || typeof size !== "number") return undefined;
  const carried = isCarriedSchema(configSchema) ? { configSchema } : {};
  const value = { digest, wasmDigest, size, mediaType: typeof mediaType === "string" ? mediaType : "", ...carried };
  return { value, from: namesOf(from) };
}

function isCarriedSchema(value: unknown): value is CarriedSchema {
  return isRecord(value) && (typeof value.text === "string" || typeof value.problem === "string");
}

function withName(known: unknown, name: string | undefined): readonly string[] {
  const names = namesOf(known);
  return name === undefined ? names : [name, ...names.filter((other) => other !== name)].slice(0, MAX_FROM);
}

async function writing<T>(write: () => Promise<T>): Promise<Result<T>> {
  try {
    return ok(await write());
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return failForNow("StoreFailed", `the module could not be kept on disk (${error.message}); check the data folder and its free space`);
  }
}
