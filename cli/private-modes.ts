import { chmod, lstat } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "../base/error.ts";

/** Rights of a folder, and of a file in it, that are for their owner alone. */
export const PRIVATE_FOLDER_MODE = 0o700;
export const PRIVATE_FILE_MODE = 0o600;
/** Rights of anybody but the owner, and of those who are not in the group either. */
const FOREIGN = 0o077;
const OTHERS = 0o007;
const SETGID = 0o2000;

/** Whether somebody else than the owner has a right by this mode. */
export function isForeign(mode: number): boolean {
  return (mode & FOREIGN) !== 0;
}

/**
 * Sets back what Kubernetes did to a private folder and its `files`, and nothing else: it gives a volume with `fsGroup` to that group at each mount (0770 and 0660), and
 * marks its folders with setgid. Nobody else is in the group. The folder's mark goes last, so a start that ends halfway is done again. Rejects when the folder is not there.
 * See https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
 */
export async function setBackGroupModes(folder: string, files: readonly string[]): Promise<void> {
  const found = await lstat(folder);
  if (!found.isDirectory() || (found.mode & SETGID) === 0 || (found.mode & OTHERS) !== 0) return;
  for (const name of files) {
    const file = join(folder, name);
    try {
      // chmod follows links: what is none of ours is left to whoever opens it
      const { mode } = await lstat(file);
      if ((mode & 0o170000) === 0o100000 && (mode & OTHERS) === 0) await chmod(file, PRIVATE_FILE_MODE);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
  await chmod(folder, PRIVATE_FOLDER_MODE);
}
