import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "../../scripts/tests/files.ts";
import { sizeOf } from "./fuzzer.ts";
import type { Input } from "./target.ts";

const FOLDER = join(ROOT, "test/fuzz/corpus");
/** What is kept of a target stays small enough to be read by every run. */
const MAX_KEPT = 200;
const MAX_KEPT_BYTES = 8 * 1024;

/** The inputs that earlier runs kept for a target: one a line, oldest first. */
export async function readKept(target: string): Promise<readonly Input[]> {
  const text = await readFile(join(FOLDER, `${target}.txt`), "utf8").catch(() => "");
  return text.split("\n").filter(Boolean).map(parseInput);
}

/** Adds inputs to those kept. Returns how many are kept now. */
export async function keep(target: string, grown: readonly Input[]): Promise<number> {
  const kept = new Set((await readKept(target)).map(printInput));
  for (const input of grown) if (sizeOf(input) <= MAX_KEPT_BYTES && kept.size < MAX_KEPT) kept.add(printInput(input));
  await mkdir(FOLDER, { recursive: true });
  await writeFile(join(FOLDER, `${target}.txt`), [...kept, ""].join("\n"));
  return kept.size;
}

/** An input as one line: its parts in base64. */
export function printInput(input: Input): string {
  return input.map((part) => Buffer.from(part).toString("base64")).join(" ");
}

/** Reads what `printInput` wrote. */
export function parseInput(line: string): Input {
  return line.split(" ").map((part) => Buffer.from(part, "base64"));
}
