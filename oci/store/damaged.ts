import { rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../../base/make-folder.ts";
import type { Digest } from "../../model/digest.ts";
import { hex, namesIn } from "./names.ts";

/** Where damaged files are kept for whoever looks for the reason: a disk, a person, another program. */
export const DAMAGED = "damaged";
/** The newest that are kept: each may be as large as a module. */
const MAX_KEPT = 4;

/** Moves a damaged file out of the way of readers, or removes it where that cannot be. */
export async function setAside(directory: string, path: string, digest: Digest): Promise<void> {
  const folder = join(directory, DAMAGED);
  try {
    await makeFolder(folder);
    await rename(path, join(folder, hex(digest)));
    await thinOut(folder);
  } catch {
    await rm(path, { force: true });
  }
}

async function thinOut(folder: string): Promise<void> {
  const files = await Promise.all(
    (await namesIn(folder)).map(async (name) => ({ path: join(folder, name), at: (await stat(join(folder, name))).ctimeMs })),
  );
  for (const { path } of files.sort((a, b) => b.at - a.at).slice(MAX_KEPT)) await rm(path, { force: true });
}
