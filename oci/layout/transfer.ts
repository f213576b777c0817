import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder, TEMPORARY_PREFIX } from "../../base/atomic-file.ts";
import { hasCode, messageOf } from "../../base/error.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { blobNotFound } from "../repository/bytes.ts";
import type { Descriptor } from "../repository/manifest.ts";
import { Broken } from "../repository/transfer.ts";
import { blobPath, type Folder, guarded } from "./files.ts";

/** A blob of the folder, a piece at a time. Throws `Broken`, at the end too: by then its digest is known. */
export async function* streamFile({ directory, name }: Folder, { digest, size }: Descriptor): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let read = 0;
  try {
    for await (const piece of createReadStream(blobPath(directory, digest)) as AsyncIterable<Uint8Array>) {
      read += piece.byteLength;
      if (read > size) break;
      hash.update(piece);
      yield piece;
    }
  } catch (error) {
    if (hasCode(error, "ENOENT")) throw new Broken(blobNotFound(name, digest).error);
    throw new Broken(fail("LayoutUnreadable", `${name} cannot be read (${messageOf(error)})`).error);
  }
  if (read !== size || `sha256:${hash.digest("hex")}` !== digest)
    throw new Broken(
      fail("DigestMismatch", `the file of ${digest} in ${name} is damaged: it has other content; push the image again`).error,
    );
}

/** True when there is a file of this digest with the right length. Whoever reads it checks the digest. */
export async function holdsFile({ directory }: Folder, { digest, size }: Descriptor): Promise<boolean> {
  const found = await stat(blobPath(directory, digest)).catch(() => undefined);
  return found?.isFile() === true && found.size === size;
}

/** Writes a temporary file, and gives it its name once its digest is right. */
export function writeStream(folder: Folder, descriptor: Descriptor, pieces: AsyncIterable<Uint8Array>): Promise<Result<void>> {
  return guarded(folder, async () => {
    const path = blobPath(folder.directory, descriptor.digest);
    await makeFolder(dirname(path));
    const temporary = join(dirname(path), `${TEMPORARY_PREFIX}${randomUUID()}`);
    try {
      const actual = await writeAll(temporary, pieces);
      if (actual !== descriptor.digest)
        return fail("DigestMismatch", `what came for ${descriptor.digest} has the digest ${actual}; nothing of it was kept`);
      await rename(temporary, path);
      await syncFolder(dirname(path));
      return ok(undefined);
    } catch (error) {
      if (error instanceof Broken) return { ok: false, error: error.failure };
      throw error;
    } finally {
      await rm(temporary, { force: true });
    }
  });
}

async function writeAll(path: string, pieces: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  const file = await open(path, "wx");
  try {
    for await (const piece of pieces) {
      hash.update(piece);
      await file.writeFile(piece);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return `sha256:${hash.digest("hex")}`;
}
