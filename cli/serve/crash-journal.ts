import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import { closeSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../base/error.ts";
import type { CrashJournal, Tried } from "../../model/crash-journal.ts";
import { printExactJson } from "../../model/exact-json.ts";
import type { Log } from "../../model/log.ts";

/** The journal of one server, below its data folder. */
export interface FileCrashJournal extends CrashJournal {
  /** The process ends by this error. Records whose spec was under way when it was thrown, at once; returns its filter. Call it where the error is heard. */
  end(): string | undefined;
  close(): void;
}

export interface CrashJournalOptions {
  readonly dataDir: string;
  readonly log: Log;
  /** Of Weir: another one tries again. */
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface End {
  readonly filter: string;
  /** What tells one spec from another. */
  readonly spec: string;
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** Ends that are older say nothing any more. */
const REMEMBERED_MS = 24 * 60 * 60_000;
const MAX_ENDS = 1_000;
/** The mark of an attempt is written in place, at this size: one call, a few microseconds. A filter's id has 317 characters at most. */
const MARK_BYTES = 512;
const NO_MARK = " ".repeat(MARK_BYTES);

/**
 * Two files: `crashes.json` has the ends, `under-way` the attempt that is being made. Neither is forced onto the disk: they need to survive the process, not the
 * machine. Where the folder cannot be written, ends are remembered in memory only, and the log says so.
 */
export function createCrashJournal({ dataDir, log, version, now }: CrashJournalOptions): FileCrashJournal {
  const path = join(dataDir, "crashes.json");
  const markPath = join(dataDir, "under-way");
  const context = new AsyncLocalStorage<Tried>();
  let ends = readEnds(path).filter(({ at }) => now() - at < REMEMBERED_MS && at <= now());

  function record(filter: string, spec: string): void {
    ends = [...ends, { filter, spec, version, at: now() }].slice(-MAX_ENDS);
    const temporary = `${path}.tmp`;
    writeFileSync(temporary, JSON.stringify(ends), { mode: 0o600 });
    renameSync(temporary, path);
  }

  const left = readMark(markPath);
  try {
    if (left !== undefined) record(left.filter, left.spec);
  } catch {
    // It counts in memory: a full disk keeps nobody from starting.
  }
  const mark = openMark(markPath, log);

  /** A disk without room costs the mark, never the work that it is about. */
  function write(text: string): void {
    try {
      if (mark === undefined) return;
      writeSync(mark, text, 0);
    } catch {
      // The next write may find room again.
    }
  }

  return {
    during: (tried, work) => context.run(tried, work),
    attempt(tried, work) {
      write(JSON.stringify([tried.filter, fingerprint(tried)]).padEnd(MARK_BYTES));
      try {
        return work();
      } finally {
        write(NO_MARK);
      }
    },
    ends(tried) {
      const same = ends.filter((end) => end.filter === tried.filter && end.version === version);
      if (same.length === 0) return 0;
      const spec = fingerprint(tried);
      return same.filter((end) => end.spec === spec).length;
    },
    end() {
      const tried = context.getStore();
      if (tried !== undefined) record(tried.filter, fingerprint(tried));
      return tried?.filter;
    },
    close() {
      if (mark !== undefined) closeSync(mark);
    },
  };
}

function openMark(path: string, log: Log): number | undefined {
  try {
    return openSync(path, "w", 0o600);
  } catch (error) {
    const what =
      "the data folder cannot be written: what is stored is served, but no new revision, module or status can be kept; make it writable, then start again";
    log.error(what, { path, error: messageOf(error) });
    return undefined;
  }
}

function fingerprint({ spec }: Tried): string {
  return createHash("sha256")
    .update(printExactJson(spec) ?? "")
    .digest("hex");
}

/** What is missing or damaged holds nothing against anybody. */
function readEnds(path: string): readonly End[] {
  const value = readJson(path);
  return Array.isArray(value) ? value.filter(isEnd) : [];
}

function readMark(path: string): Pick<End, "filter" | "spec"> | undefined {
  const value = readJson(path);
  if (!Array.isArray(value)) return undefined;
  const [filter, spec] = value as readonly unknown[];
  return typeof filter === "string" && typeof spec === "string" ? { filter, spec } : undefined;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function isEnd(value: unknown): value is End {
  if (typeof value !== "object" || value === null) return false;
  const { filter, spec, version, at } = value as Readonly<Record<keyof End, unknown>>;
  return typeof filter === "string" && typeof spec === "string" && typeof version === "string" && typeof at === "number";
}
