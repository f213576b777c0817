import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../../base/make-folder.ts";
import type { Log } from "../../model/log.ts";
import { namesIn } from "./names.ts";
import { parseRecord, type RecordKind } from "./records.ts";

/** Where earlier versions of Weir kept what manifests and URLs lead to, in one folder. */
const EARLIER = "modules";

/**
 * Moves the records of earlier versions to the key spaces of today, once. A URL's record leads to itself, and a manifest's never does, so each is
 * told from the other. They do not say where the bytes came from, so only a namespace whose revisions keep a digest gets it without a download.
 */
export async function takeOver(directory: string, log: Log): Promise<void> {
  try {
    const files = (await namesIn(join(directory, EARLIER))).filter((file) => /^[0-9a-f]{64}\.json$/.test(file));
    if (files.length === 0) return;
    for (const kind of ["manifests", "urls"]) await makeFolder(join(directory, kind));
    for (const file of files) await move(directory, file);
    log.info("the records of an earlier version were moved in the module store", { records: files.length });
  } catch (error) {
    log.warn("the module store's records of an earlier version cannot be moved", { error: String(error) });
  }
}

async function move(directory: string, file: string): Promise<void> {
  const path = join(directory, EARLIER, file);
  const isUrl = parseRecord(await readFile(path, "utf8"))?.wasmDigest === `sha256:${file.replace(/\.json$/, "")}`;
  const kind: RecordKind = isUrl ? "urls" : "manifests";
  await rename(path, join(directory, kind, file));
}
