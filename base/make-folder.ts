import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { hasCode } from "./error.ts";

/**
 * Makes a folder and those above it, where they are missing, with this mode before the umask. Throws what the file system throws.
 * Node's own way never comes back where the file system says for good that a folder is not there, as /proc does.
 */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  const isThere = await made(path, mode);
  if (isThere) return;
  const above = dirname(path);
  if (above !== path) await makeFolder(above, mode);
  await mkdir(path, { mode }).catch(async (error) => {
    if (!hasCode(error, "EEXIST") || !(await stat(path)).isDirectory()) throw error;
  });
}

/** False where the folder above is missing. */
async function made(path: string, mode?: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    const found = await stat(path).catch(() => undefined);
    if (found?.isDirectory() === true) return true;
    throw error;
  }
}
