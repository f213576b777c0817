import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../../model/clock.ts";

/** Larger files are refused; the API server's own limit for one object is about 1.5 MiB. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;
const MAX_FILES = 10_000;
const MANIFEST = /^[^.].*[.](ya?ml|json)$/;

export interface Scan {
  /** Files that are new or have other contents, by name. */
  readonly changed: ReadonlyMap<string, { readonly text: string } | { readonly problem: string }>;
  readonly removed: readonly string[];
  /** True: some file is still being written; scan again soon. */
  readonly unsettled: boolean;
  /** Why the folder itself could not be read. Nothing counts as removed then. */
  readonly failure: string | undefined;
}

/** Finds the manifests of a folder (not of folders below it) that changed since the last scan. */
export interface Scanner {
  scan(): Promise<Scan>;
}

export interface ScannerOptions {
  readonly dir: string;
  readonly known: Iterable<string>;
  readonly clock: Clock;
  readonly settleMs: number;
}

interface Sighting {
  /** Inode, size and time of change; "absent" for a file that is gone. */
  readonly signature: string;
  readonly since: number;
}

/**
 * A file counts only once it looked the same for `settleMs`: an editor that empties a file before it writes it, or that deletes it and
 * makes it again, must not take a filter away for a moment. The first scan takes files as they are; of the files `known` from before, those that are
 * no more count as removed once they stayed away.
 */
export function createScanner({ dir, known, clock, settleMs }: ScannerOptions): Scanner {
  const accepted = new Map<string, string>();
  for (const name of known) accepted.set(name, "known from before");
  const sightings = new Map<string, Sighting>();
  let first = true;

  function settled(name: string, signature: string): boolean {
    const sighting = sightings.get(name);
    if (sighting?.signature !== signature) sightings.set(name, { signature, since: clock.now() });
    const { since } = sightings.get(name) ?? { since: clock.now() };
    if (clock.now() - since < settleMs) return false;
    sightings.delete(name);
    return true;
  }

  async function list(): Promise<Map<string, string>> {
    const names = (await readdir(dir)).filter((name) => MANIFEST.test(name)).sort();
    const found = new Map<string, string>();
    const stats = await Promise.all(
      names.slice(0, MAX_FILES).map((name) => stat(join(dir, name), { bigint: true }).catch(() => undefined)),
    );
    for (const [index, name] of names.entries()) {
      const file = stats[index];
      if (file?.isFile() === true) found.set(name, `${file.ino}:${file.size}:${file.mtimeNs}:${file.ctimeNs}`);
    }
    return found;
  }

  async function read(name: string): Promise<{ text: string } | { problem: string }> {
    try {
      const path = join(dir, name);
      if ((await stat(path)).size > MAX_FILE_BYTES) return { problem: `larger than ${MAX_FILE_BYTES} bytes; split it` };
      return { text: new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path)) };
    } catch (error) {
      if (error instanceof TypeError) return { problem: "not UTF-8 text" };
      return { problem: `cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})` };
    }
  }

  async function scan(): Promise<Scan> {
    const changed = new Map<string, { text: string } | { problem: string }>();
    const removed: string[] = [];
    let found: Map<string, string>;
    try {
      found = await list();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      const failure = code === "ENOENT" ? "the folder does not exist; create it" : `the folder cannot be read (${code ?? "unknown error"})`;
      return { changed, removed, unsettled: false, failure };
    }
    for (const [name, signature] of found) {
      if (accepted.get(name) === signature) sightings.delete(name);
      else if (first || settled(name, signature)) {
        changed.set(name, await read(name));
        accepted.set(name, signature);
      }
    }
    for (const name of accepted.keys()) {
      if (!found.has(name) && settled(name, "absent")) {
        removed.push(name);
        accepted.delete(name);
      }
    }
    for (const name of sightings.keys()) if (!found.has(name) && !accepted.has(name)) sightings.delete(name);
    first = false;
    return { changed, removed, unsettled: sightings.size > 0, failure: undefined };
  }

  return { scan };
}
