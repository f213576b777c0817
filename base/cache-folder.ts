import { createHash } from "node:crypto";
import { mkdir, rename, rm, stat, utimes } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { isThere } from "./is-there.ts";
import { makeFolder } from "./make-folder.ts";

/** Where built and downloaded tools live, outside any checkout: `$XDG_CACHE_HOME/weir`, else `~/.cache/weir`. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.XDG_CACHE_HOME;
  return join(base === undefined || base === "" ? join(homedir(), ".cache") : base, "weir");
}

/** First 12 hex digits of the SHA-256 over the parts, each with its length, so that ["ab", "c"] and ["a", "bc"] differ. */
export function keyOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex").slice(0, 12);
}

const HEARTBEAT_MS = 2_000;
const STALE_MS = 20_000;

/**
 * The folder `key` of the cache, filled by `fill` the first time anybody asks for it on this machine. `fill` writes into an empty folder that takes its
 * final name only when `fill` is done, so a folder with that name is whole. Two processes that ask at once fill it once: the second waits.
 */
export async function cached(key: string, fill: (folder: string) => Promise<void>, root: string = cacheFolder()): Promise<string> {
  const folder = join(root, key);
  if (await isThere(folder)) return folder;
  await makeFolder(root);
  const unlock = await lock(`${folder}.lock`);
  const draft = `${folder}.${process.pid}.partial`;
  try {
    if (await isThere(folder)) return folder;
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft);
    await fill(draft);
    await rename(draft, folder).catch(async (error: unknown) => {
      if (!(await isThere(folder))) throw error;
    });
    return folder;
  } finally {
    await rm(draft, { recursive: true, force: true });
    await unlock();
  }
}

/** A lock folder that its holder touches while it lives; one that nobody has touched for 20 s belongs to a process that died. */
async function lock(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      await mkdir(path);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const touched = await stat(path).then(
      (stats) => stats.mtimeMs,
      () => undefined,
    );
    if (touched !== undefined && Date.now() - touched > STALE_MS) await rm(path, { recursive: true, force: true });
    else await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return async () => {
    clearInterval(heartbeat);
    await rm(path, { recursive: true, force: true });
  };
}
