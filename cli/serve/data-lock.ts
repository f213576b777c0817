import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../base/error.ts";
import { type FileLock, tryLock } from "../../base/file-lock.ts";
import type { Log } from "../../model/log.ts";
import { fail, ok, type Result } from "../../model/result.ts";

export interface DataLock extends FileLock {
  /** False: the file system knows no locks, and another server may use the folder. */
  readonly isHeld: boolean;
}

/**
 * Takes a data folder for this process alone; fails with `DataInUse`. Where the file system knows no locks, or Node no SQLite, the folder is used without, and
 * the log says so.
 */
export async function lockData(dataDir: string, log: Log): Promise<Result<DataLock>> {
  const pidFile = join(dataDir, "lock.pid");
  let lock: FileLock | undefined;
  try {
    lock = await tryLock(join(dataDir, "lock"));
  } catch (error) {
    log.warn("the data folder cannot be locked; see that no other server uses it", { dataDir, error: messageOf(error) });
    return ok({ isHeld: false, release() {} });
  }
  if (lock !== undefined) {
    // Only for messages: a full disk does not lose the lock.
    await writeFile(pidFile, `${process.pid}\n`, { mode: 0o600 }).catch(() => {});
    return ok({ isHeld: true, release: lock.release });
  }
  const pid = await readFile(pidFile, "utf8").then(
    (text) => /^\d+/.exec(text)?.[0],
    () => undefined,
  );
  const holder = pid === undefined ? "" : ` (process ${pid})`;
  return fail("DataInUse", `--data ${dataDir} is in use by another weir serve${holder}; stop it first, or name another folder`);
}
