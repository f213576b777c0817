import { setTimeout as sleep } from "node:timers/promises";

/** Held until it is released or the process ends, in whatever way. */
export interface FileLock {
  release(): void;
}

/** https://sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;
const LOOK_MS = 20;

/**
 * Takes a lock that one holder has at a time, in this process or another; `undefined` when it is taken. The kernel holds it (SQLite takes it as a POSIX lock,
 * which Node itself cannot), so none outlives its process. The file at `path` is made, stays empty, and is never to be removed while locks may be held.
 * Throws where the file system knows no locks, or Node no SQLite.
 */
export async function tryLock(path: string): Promise<FileLock | undefined> {
  const { DatabaseSync } = await import("node:sqlite");
  const file = new DatabaseSync(path, { timeout: 0 });
  try {
    // Nothing is ever written to it.
    file.exec("PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE");
    return { release: () => file.close() };
  } catch (error) {
    file.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
    throw error;
  }
}

/** As `tryLock`, but looks again until it has the lock; `undefined` when it is still taken after `timeoutMs`. */
export async function waitForLock(path: string, timeoutMs: number): Promise<FileLock | undefined> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const lock = await tryLock(path);
    if (lock !== undefined || performance.now() >= deadline) return lock;
    await sleep(LOOK_MS * (0.5 + Math.random()));
  }
}
