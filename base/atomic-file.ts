import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { chown, open, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
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
 * A file whose name is not known before it is written. Readers of the folder do not see it, and a crash leaves nothing but a temporary file. What it is asked for is done in that order, each
 * when the one before has ended: discarded while it is being placed, it is placed; while it is being written, nothing is left.
 */
export interface DraftFile {
  /** Writes the content to the disk, in place of what was written before. Throws what the file system or the pieces of the content throw. */
  write(content: string | Uint8Array | AsyncIterable<Uint8Array>): Promise<void>;
  /** Gives it its name, in the same folder. Once this has resolved, the content and its name survive a power cut. */
  place(path: string): Promise<void>;
  /** Removes what was written and not placed. */
  discard(): Promise<void>;
}

/** Bytes that wait for the disk while more are taken. */
const WRITE_AHEAD = 1 << 20;

/** A draft in this folder, which is made when it is missing. */
export function createDraftFile(folder: string, { mode, owner }: AtomicWriteOptions = {}): DraftFile {
  const temporary = join(folder, `${TEMPORARY_PREFIX}${randomUUID()}`);
  const remove = () => rm(temporary, { force: true });
  let isBegun = false;
  async function write(content: Parameters<DraftFile["write"]>[0]): Promise<void> {
    if (isBegun) await remove();
    else await makeFolder(folder);
    isBegun = true;
    if (typeof content === "string" || content instanceof Uint8Array)
      await writeFile(temporary, content, { flag: "wx", flush: true, ...(mode !== undefined && { mode }) });
    else
      await pipeline(
        content,
        createWriteStream(temporary, { flags: "wx", flush: true, highWaterMark: WRITE_AHEAD, ...(mode !== undefined && { mode }) }),
      );
    if (owner !== undefined) await chown(temporary, owner.uid, owner.gid).catch(() => {});
  }
  async function place(path: string): Promise<void> {
    await rename(temporary, path);
    await syncFolder(folder);
  }
  let last: Promise<void> = Promise.resolve();
  const inOrder = (step: () => Promise<void>) => {
    last = last.then(step, step);
    return last;
  };
  return {
    write: (content) => inOrder(() => write(content)),
    place: (path) => inOrder(() => place(path)),
    discard: () => inOrder(remove),
  };
}

/**
 * Writes a temporary file beside `path`, then renames it. A reader, also one after a crash, finds the old content or the new, never a
 * part. Once this has resolved, the content and its name survive a power cut. Makes the folder when it is missing.
 * Throws what the file system or the pieces of the content throw, and then leaves no temporary file.
 */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
  options: AtomicWriteOptions = {},
): Promise<void> {
  const draft = createDraftFile(dirname(path), options);
  try {
    await draft.write(content);
    await draft.place(path);
  } catch (error) {
    await draft.discard();
    throw error;
  }
}

/** Puts what was renamed in the folder on the disk, where the platform can. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  if (handle === undefined) return;
  await handle.sync().catch(() => {});
  await handle.close();
}
