import { rename, symlink } from "node:fs/promises";
import { join } from "node:path";

/** Points `..data` of the folder at another folder in it, in one step, as a kubelet changes a mounted Secret or token. */
export async function swapData(folder: string, target: string): Promise<void> {
  await symlink(target, join(folder, "..next"));
  await rename(join(folder, "..next"), join(folder, "..data"));
}
