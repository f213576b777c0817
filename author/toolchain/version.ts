import { fail, ok, type Result } from "../../model/result.ts";
import { run } from "../process/run.ts";
import type { Machine } from "./toolchain.ts";

/** A program that the machine must have. */
export interface Requirement {
  readonly program: string;
  readonly versionArgs: readonly string[];
  /** First group: the version. */
  readonly version: RegExp;
  /** `major.minor`. */
  readonly atLeast: string;
  /** What to do when it is missing or too old. */
  readonly install: string;
}

/** The version of a program, as it is in `folder`. Fails with `NoToolchain` or `ToolchainTooOld`. */
export async function need(wanted: Requirement, folder: string, { env, signal }: Machine): Promise<Result<string>> {
  const { program, versionArgs, version, atLeast, install } = wanted;
  const ran = await run({ program, args: versionArgs, cwd: folder, env }, { signal });
  if (!ran.ok) return ran.error.retryable ? ran : fail("NoToolchain", `${program} is missing; ${install}`);
  const found = version.exec(`${ran.value.stdout}${ran.value.stderr}`)?.[1];
  if (found === undefined) return fail("NoToolchain", `${program} does not tell its version; ${install}`);
  return isOlder(found, atLeast) ? fail("ToolchainTooOld", `${program} ${found} is too old; ${install}`) : ok(found);
}

/** Compares the `major.minor` of two versions by number. */
export function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [thanMajor = 0, thanMinor = 0] = than.split(".").map(Number);
  return major !== thanMajor ? major < thanMajor : minor < thanMinor;
}
