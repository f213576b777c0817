import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { ok, type Result } from "../../model/result.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** How long after the end of its work a process that was stopped waits for whoever reads its output. */
const FLUSH_MS = 5_000;
type StopSignal = (typeof SIGNALS)[number];

/** What a command that runs until it is stopped has started. All of it ends with the command, the last first, however that ends. */
export interface Scope {
  /** Aborted by Ctrl-C, TERM and HUP: what waits is to stop waiting. */
  readonly signal: AbortSignal;
  /** Resolves then. */
  readonly stopped: Promise<void>;
  /** From here on a signal is the expected end: exit status 0. */
  ready(): void;
  /** Called once, at the end. */
  defer(end: () => Promise<unknown>): void;
}

/** Runs `work` and ends what it started. Exit status: its own; after a signal 0 if it was ready, else 128 and the signal's number, as shells have it. */
export async function inScope(work: (scope: Scope) => Promise<Result<void> | Result<number>>): Promise<Result<void> | Result<number>> {
  const ends: (() => Promise<unknown>)[] = [];
  const abort = new AbortController();
  let by: StopSignal | undefined;
  let isReady = false;
  const stop = (signal: StopSignal) => {
    // A second one ends the process at once; children and the folder go with it.
    if (by !== undefined) process.exit(128 + constants.signals[signal]);
    by = signal;
    abort.abort();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  const scope: Scope = {
    signal: abort.signal,
    stopped: new Promise((resolve) => abort.signal.addEventListener("abort", () => resolve(), { once: true })),
    ready() {
      isReady = true;
    },
    defer: (end) => void ends.push(end),
  };
  try {
    const done = await work(scope);
    if (by === undefined) return done;
    const status = isReady ? 0 : 128 + constants.signals[by];
    // What was written last may wait for a reader that stands still; the process does not.
    setTimeout(() => process.exit(status), FLUSH_MS).unref();
    return ok(status);
  } finally {
    for (const end of ends.reverse()) await end().catch(() => {});
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}

/** An empty folder that only this user can read, until the end of the scope. */
export async function openFolder(scope: Scope): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "weir-local-"));
  const removeNow = () => rmSync(path, { recursive: true, force: true });
  process.once("exit", removeNow);
  scope.defer(async () => {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
    process.off("exit", removeNow);
  });
  return path;
}
