import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { hasCode, messageOf } from "../../base/error.ts";
import { createDigester } from "../../model/digest.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { blobNotFound } from "../repository/bytes.ts";
import type { BlobDescriptor } from "../repository/manifest.ts";
import { Broken } from "../repository/transfer.ts";
import { blobPath, type Folder, guarded } from "./files.ts";

/** A blob of the folder, a piece at a time. Throws `Broken`, at the end too: by then its digest is known. */
export async function* streamFile({ directory, name }: Folder, { digest, size }: BlobDescriptor): AsyncGenerator<Uint8Array> {
  const digester = createDigester(digest);
  let read = 0;
  try {
    for await (const piece of createReadStream(blobPath(directory, digest)) as AsyncIterable<Uint8Array>) {
      read += piece.byteLength;
      if (read > size) break;
      digester.update(piece);
      yield piece;
    }
  } catch (error) {
    if (hasCode(error, "ENOENT")) throw new Broken(blobNotFound(name, digest).error);
    throw new Broken(fail("LayoutUnreadable", `${name} cannot be read (${messageOf(error)})`).error);
  }
  if (read < size)
    throw new Broken(fail("TruncatedBlob", `layer ${digest} of ${name} ended after ${read} of ${size} bytes; push the image again`).error);
  if (read !== size || digester.digest() !== digest)
    throw new Broken(
      fail("DigestMismatch", `the file of ${digest} in ${name} is damaged: it has other content; push the image again`).error,
    );
}

/** True when there is a file of this digest with the right length. Whoever reads it checks the digest. */
export async function holdsFile({ directory }: Folder, { digest, size }: BlobDescriptor): Promise<boolean> {
  const found = await stat(blobPath(directory, digest)).catch(() => undefined);
  return found?.isFile() === true && found.size === size;
}

/** Stores a blob under its name once its digest is right. */
export function writeStream(folder: Folder, descriptor: BlobDescriptor, pieces: AsyncIterable<Uint8Array>): Promise<Result<void>> {
  return guarded(folder, async () => {
    try {
      return ok(await writeFileAtomically(blobPath(folder.directory, descriptor.digest), checked(descriptor, pieces)));
    } catch (error) {
      if (error instanceof Broken) return { ok: false, error: error.failure };
      throw error;
    }
  });
}

/** The pieces as they come. Throws `Broken` at their end where they are not what the descriptor says. */
async function* checked({ digest }: BlobDescriptor, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const digester = createDigester(digest);
  for await (const piece of pieces) {
    digester.update(piece);
    yield piece;
  }
  const actual = digester.digest();
  if (actual !== digest)
    throw new Broken(fail("DigestMismatch", `what came for ${digest} has the digest ${actual}; nothing of it was kept`).error);
}
