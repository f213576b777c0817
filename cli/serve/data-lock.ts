import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../base/error.ts";
import type { Log } from "../../model/log.ts";
import { fail, ok, type Result } from "../../model/result.ts";

/** Held until it is released or the process ends, in whatever way. */
export interface DataLock {
  release(): void;
}

/** https://sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5;

/**
 * Takes a data folder for this process alone; fails with `DataInUse`. The kernel holds the lock (SQLite takes it as a POSIX lock, which Node itself cannot), so
 * none outlives its process. Where the file system knows no locks, or Node no SQLite, the folder is used without, and the log says so.
 */
export async function lockData(dataDir: string, log: Log): Promise<Result<DataLock>> {
  const pidFile = join(dataDir, "lock.pid");
  try {
    const { DatabaseSync } = await import("node:sqlite");
    const file = new DatabaseSync(join(dataDir, "lock"), { timeout: 0 });
    // Nothing is ever written to it.
    file.exec("PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE");
    // Only for messages: a full disk does not lose the lock.
    await writeFile(pidFile, `${process.pid}\n`, { mode: 0o600 }).catch(() => {});
    return ok({ release: () => file.close() });
  } catch (error) {
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) {
      log.warn("the data folder cannot be locked; see that no other server uses it", { dataDir, error: messageOf(error) });
      return ok({ release() {} });
    }
    const pid = await readFile(pidFile, "utf8").then(
      (text) => /^\d+/.exec(text)?.[0],
      () => undefined,
    );
    const holder = pid === undefined ? "" : ` (process ${pid})`;
    return fail("DataInUse", `--data ${dataDir} is in use by another weir serve${holder}; stop it first, or name another folder`);
  }
}
