import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders = new Set<string>();
let guarded = false;

/** A new empty folder, removed by `remove` or, at the latest, when this process exits. */
export async function createTempFolder(name: string): Promise<{ readonly path: string; remove(): Promise<void> }> {
  if (!guarded) process.once("exit", removeAll);
  guarded = true;
  const path = await mkdtemp(join(tmpdir(), `weir-${name}-`));
  folders.add(path);
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true, maxRetries: 3 });
      folders.delete(path);
    },
  };
}

function removeAll(): void {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
}
