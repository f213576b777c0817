import { randomUUID } from "node:crypto";
import { chown, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolder } from "./make-folder.ts";

/**
 * How the name of a temporary file begins. A crash may leave one behind: whoever owns the folder may remove those that are old.
 * The name holds nothing of the file's own, so it is never too long, and it is never the name of a manifest.
 */
export const TEMPORARY_PREFIX = ".tmp-";

export interface AtomicWriteOptions {
  /** The file's mode, before the umask. Default 0o666, as Node has it. */
  readonly mode?: number | undefined;
  /** Whose the file is to be, where this process may say so. Default: its own user's. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

/**
 * Writes a temporary file beside `path`, then renames it. A reader, also one after a crash, finds the old content or the new, never a
 * part. Once this has resolved, the content and its name survive a power cut. Makes the folder when it is missing.
 * Throws what the file system or the pieces of the content throw, and then leaves no temporary file.
 */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
  { mode, owner }: AtomicWriteOptions = {},
): Promise<void> {
  const folder = dirname(path);
  await makeFolder(folder);
  const temporary = join(folder, `${TEMPORARY_PREFIX}${randomUUID()}`);
  try {
    await writeFile(temporary, content, { flag: "wx", mode, flush: true });
    if (owner !== undefined) await chown(temporary, owner.uid, owner.gid).catch(() => {});
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** Puts what was renamed in the folder on the disk, where the platform can. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  if (handle === undefined) return;
  await handle.sync().catch(() => {});
  await handle.close();
}
