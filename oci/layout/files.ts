import { join } from "node:path";
import { messageOf } from "../../base/error.ts";
import { type BlobDigest, partsOf } from "../../model/digest.ts";
import { fail, type Result } from "../../model/result.ts";

/** Where the layout is, and how the reference names it. */
export interface Folder {
  readonly directory: string;
  readonly name: string;
}

/** The file of a blob or a manifest. */
export function blobPath(directory: string, digest: BlobDigest): string {
  const { algorithm, hex } = partsOf(digest);
  return join(directory, "blobs", algorithm, hex);
}

/** What the file system throws, as a failure. */
export async function guarded<T>(folder: Folder, write: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await write();
  } catch (error) {
    return unusable(folder, error);
  }
}

export function unusable({ name }: Folder, error: unknown) {
  return fail("LayoutUnreadable", `${name} cannot be read or written (${messageOf(error)})`);
}
