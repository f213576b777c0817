import { writeFileAtomically } from "../../base/atomic-file.ts";
import { digestOf } from "../../model/digest.ts";
import { ok, type Result } from "../../model/result.ts";
import { blobPath, type Folder, guarded } from "../layout/files.ts";
import { holdsFile, writeStream } from "../layout/transfer.ts";
import type { Repository, RepositoryReader } from "../repository/repository.ts";
import type { NamedImage } from "./entries.ts";

/**
 * One repository among the images of a machine, for writing too. `name` gives a manifest a tag once all that it leads to is there; what has none by then is found by the manifest that
 * names it, or goes after a day.
 */
export function createLocalRepository(
  folder: Folder,
  reader: RepositoryReader,
  name: (tag: string, descriptor: NamedImage["descriptor"]) => Promise<Result<void>>,
): Repository {
  const path = (bytes: Uint8Array) => blobPath(folder.directory, digestOf(bytes));
  return {
    ...reader,
    holdsBlob: async (descriptor) => ok(await holdsFile(folder, descriptor)),
    putStream: (descriptor, pieces) => writeStream(folder, descriptor, pieces),
    mount: async () => ok(false),
    putBlob: (bytes, digest) => guarded(folder, async () => ok(await writeFileAtomically(blobPath(folder.directory, digest), bytes))),
    putManifest: (bytes, mediaType, tag) =>
      guarded(folder, async () => {
        await writeFileAtomically(path(bytes), bytes);
        return tag === undefined ? ok(undefined) : name(tag, { mediaType, digest: digestOf(bytes), size: bytes.byteLength });
      }),
  };
}
