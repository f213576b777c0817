import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * Writes beside the file, then renames over it: a reader, also one after a crash, finds the old contents or the new, never a part, and
 * what this resolved for is not lost in a power cut. `mode` is the file's, before the umask. The temporary file's name is none of a
 * manifest, so that the scanner never takes it for one.
 *
 * The module store has a function of its own: its leftovers carry a mark by which it sweeps them, and a room imports no other. What is
 * hard about either (that content is on the disk before its name is) is Node's `flush`.
 */
export async function writeAtomically(path: string, text: string, mode?: number): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `.${randomUUID()}.tmp`);
  try {
    await writeFile(temporary, text, { flag: "wx", mode, flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** Puts the rename itself on the disk, where the platform can: a step of a rollout must be there before any proxy sees it. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  if (handle === undefined) return;
  await handle.sync().catch(() => {});
  await handle.close();
}
