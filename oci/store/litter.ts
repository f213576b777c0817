import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { TEMPORARY_PREFIX } from "../../base/atomic-file.ts";
import type { Log } from "../../model/log.ts";
import { namesIn } from "./names.ts";

/** Folders that files are written to. */
const FOLDERS = [join("blobs", "sha256"), "manifests", "urls", "indexes", "."];

/** Removes temporary files that are older than `before` (milliseconds since the epoch): whoever wrote them was killed. Gives how many. */
export async function removeLitter(directory: string, before: number, log: Log): Promise<number> {
  let removed = 0;
  try {
    for (const folder of FOLDERS) {
      for (const name of await namesIn(join(directory, folder))) {
        if (!name.startsWith(TEMPORARY_PREFIX)) continue;
        if (await removeOlder(join(directory, folder, name), before)) removed++;
      }
    }
    if (removed > 0) log.info("files that an earlier process left half written were removed from the module store", { files: removed });
  } catch (error) {
    log.warn("the module store cannot be tidied up", { error: String(error) });
  }
  return removed;
}

/** Removes a file that was written to before then, and not since. True when it did. */
export async function removeOlder(path: string, before: number): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined || stats.mtimeMs >= before) return false;
  await rm(path, { force: true });
  return true;
}
