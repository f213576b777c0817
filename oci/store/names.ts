import { readdir } from "node:fs/promises";
import { hasCode } from "../../base/error.ts";
import type { Digest } from "../../model/digest.ts";

/** The files of a folder; none when there is no such folder. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

/** The digest as a file's name. */
export function hex(digest: Digest): string {
  return digest.slice("sha256:".length);
}
