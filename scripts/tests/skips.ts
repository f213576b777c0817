import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./files.ts";

/** A test that this machine could not run. */
export interface Skip {
  readonly file: string;
  readonly test: string;
  /** What the machine lacks; empty when the test does not say. */
  readonly reason: string;
}

/** A test that may be skipped in CI, and why nothing is lost by it. */
export type AllowedSkip = Skip;

export const ALLOWED_SKIPS = "test/skips.json";

/**
 * The problems with these skips, one line each: a skip without a reason, and in CI (where a run stands for all tests) one that is not in `test/skips.json`.
 */
export function skipProblems(skips: readonly Skip[], allowed: readonly AllowedSkip[], ci: boolean): string[] {
  return skips.flatMap((skip) => {
    const name = `${skip.file}: "${skip.test}"`;
    if (skip.reason === "") return [`${name} is skipped without a reason`];
    const known = allowed.some(({ file, test }) => file === skip.file && test === skip.test);
    return ci && !known ? [`${name} is skipped (${skip.reason}) and not in ${ALLOWED_SKIPS}`] : [];
  });
}

/** Reads `test/skips.json`: a list of `{file, test, reason}`. Throws when it is anything else. */
export async function readAllowedSkips(): Promise<AllowedSkip[]> {
  const list: unknown = JSON.parse(await readFile(join(ROOT, ALLOWED_SKIPS), "utf8"));
  if (!Array.isArray(list) || !list.every(isSkip)) throw new Error(`${ALLOWED_SKIPS} is not a list of {file, test, reason}`);
  return list;
}

function isSkip(value: unknown): value is Skip {
  if (typeof value !== "object" || value === null) return false;
  const { file, test, reason } = value as Record<string, unknown>;
  return [file, test, reason].every((each) => typeof each === "string" && each !== "");
}
