import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Marks files that a crash may leave behind; nobody reads them, and the store removes them. */
export const TEMPORARY_PREFIX = ".tmp-";

/**
 * Writes a file so that a reader, also one after a crash, finds it whole or not at all: a synced temporary file in the same folder,
 * renamed. Makes the folder when missing. Throws what the file system throws.
 *
 * The folder source has a function of its own for manifests and records, which need a mode and must not be taken for content of a store.
 */
export async function writeFileAtomically(path: string, content: Uint8Array): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `${TEMPORARY_PREFIX}${basename(path)}-${randomUUID()}`);
  try {
    await writeFile(temporary, content, { flag: "wx", flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** Makes the rename itself survive a power cut, where the platform can. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  if (handle === undefined) return;
  await handle.sync().catch(() => {});
  await handle.close();
}
