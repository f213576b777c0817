import { spawn } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { startProcess } from "../../../test/support/process.ts";
import { type Registry, startRegistry } from "../../../test/support/registry.ts";
import { ROOT } from "../../tests/files.ts";
import { ToolError } from "../../tools/run.ts";
import type { Narrator } from "../narrator.ts";
import type { Environment } from "./machine.ts";

/** What all languages play on: a folder, and a real registry. */
export interface Stage {
  readonly folder: string;
  readonly registry: Registry;
  close(): Promise<void>;
}

export async function openStage(narrator: Narrator): Promise<Stage> {
  narrator.step("Getting ready: a real registry on this machine");
  const folder = join(ROOT, ".weir", "demo-author");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const registry = await startRegistry();
  const close = async () => {
    await registry.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { folder, registry, close };
}

/** Where commands are typed, and who hears of them. */
export interface Shell {
  readonly cwd: string;
  readonly env: Environment;
  readonly narrator: Narrator;
}

/** Runs a command line to its end, tells it with the seconds that it took, and gives what it printed on stdout. */
export async function type(line: string, { cwd, env, narrator }: Shell): Promise<string> {
  const began = performance.now();
  const child = spawn("/bin/sh", ["-c", line], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => {
      said[name] += text;
    });
  const code = await new Promise((resolve) => child.once("close", resolve));
  narrator.command(`${line}   # ${((performance.now() - began) / 1000).toFixed(1)} s`);
  if (code !== 0) throw new ToolError(`${line} failed (${code}):\n${said.stdout}${said.stderr}`);
  return said.stdout;
}

/** Runs a command that stays, until `use` is done. `use` gets where its Envoy takes requests. */
export async function stay<T>(line: string, { cwd, env, narrator }: Shell, use: (url: string) => Promise<T>): Promise<T> {
  narrator.command(line);
  const began = performance.now();
  const process = await startProcess("/bin/sh", ["-c", `exec ${line}`], { cwd, env, name: line });
  try {
    const url = await process.waitFor("an address to ask", (logs) => /curl -i (http:\S+)/.exec(logs)?.[1], 120_000);
    narrator.say(`ready after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    return await use(url);
  } finally {
    await process.stop();
  }
}
