import { constants } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fail, ok, type Result } from "../../../model/result.ts";
import { type Assembly, assemble, type ManifestFile } from "./assemble.ts";
import { type ManifestFormat, readManifestInTurns } from "./manifest.ts";

/** Larger files are refused; the API server's own limit for one object is about 1.5 MiB. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;
/** Files of a folder beyond this many are not read: each is looked at every other second. */
export const MAX_FILES = 10_000;
const MANIFEST = /^[^.].*[.](ya?ml|json)$/s;

/** The manifests of a folder, by name. */
export interface ManifestNames {
  /** In order. */
  readonly read: readonly string[];
  /** Those that are not read because there are too many. */
  readonly beyond: readonly string[];
  /** What to tell about that. `undefined`: all are read. */
  readonly problem: string | undefined;
}

/** Subfolders and hidden files are skipped, and what is beyond `max` files. Rejects if the folder cannot be read. */
export async function manifestNames(dir: string, max: number = MAX_FILES): Promise<ManifestNames> {
  const names = (await readdir(dir)).filter((name) => MANIFEST.test(name)).sort();
  const [read, beyond] = [names.slice(0, max), names.slice(max)];
  const bound = max.toLocaleString("en");
  const problem = `the folder has more than ${bound} manifests; the last ${beyond.length} by name, from ${beyond[0]} on, are not read; put several objects in a file`;
  return { read, beyond, problem: beyond.length === 0 ? undefined : problem };
}

export function formatOf(name: string): ManifestFormat {
  return name.endsWith(".json") ? "json" : "yaml";
}

/** The text of a manifest file. Fails with reason `Unreadable` if it is no file, too large, not UTF-8, or cannot be read. */
export async function readManifestText(path: string): Promise<Result<string>> {
  try {
    // Opening a pipe would wait for its writer, reading a device has effects.
    if (!(await stat(path)).isFile()) return fail("Unreadable", "not a file; write a file in its place, or take it away");
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { size } = await file.stat();
      if (size > MAX_FILE_BYTES) return fail("Unreadable", `larger than ${MAX_FILE_BYTES} bytes; split it`);
      // It may grow while it is read.
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(size), position: 0 });
      return ok(new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(0, bytesRead)));
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof TypeError) return fail("Unreadable", "not UTF-8 text");
    return fail("Unreadable", `cannot be read (${codeOf(error)})`);
  }
}

/** Reads a folder once, as a server would. Fails with `NoFolder`. A file that cannot be read is listed in `problems`, the folder itself as "". */
export async function readFolder(dir: string): Promise<Result<Assembly>> {
  const files = new Map<string, ManifestFile>();
  try {
    const { read, problem } = await manifestNames(dir);
    for (const name of read) {
      const text = await readManifestText(join(dir, name));
      const manifest = text.ok ? await readManifestInTurns(text.value, formatOf(name)) : text;
      files.set(name, manifest.ok ? manifest.value : { objects: [], foreign: [], problems: [manifest.error.message] });
    }
    if (problem !== undefined) files.set("", { objects: [], foreign: [], problems: [problem] });
  } catch (error) {
    return fail("NoFolder", `cannot read the manifest folder ${dir} (${codeOf(error)}); make it, or name another with --filters`);
  }
  return ok(assemble(files));
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown error";
}
