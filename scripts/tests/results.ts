import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "./files.ts";

const BIOME = join(ROOT, "node_modules", "@biomejs", "biome", "bin", "biome");

/** Writes figures to be committed, in the format that `npm run check` asks of every file. `path`: from the project's root. */
export async function writeResult(path: string, result: unknown): Promise<void> {
  const file = join(ROOT, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(result, undefined, 2)}\n`);
  await promisify(execFile)(process.execPath, [BIOME, "format", "--write", file], { cwd: ROOT });
}
