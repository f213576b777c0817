import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { installEnvoy } from "../../scripts/tools/envoy.ts";
import { type Exit, type Process, startProcess } from "./process.ts";
import { createTempFolder } from "./temp-folder.ts";

const WEIR = fileURLToPath(new URL("../../bin/weir", import.meta.url));

/** Builds and Envoys beside other tests take long. */
export const LONG_MS = 60_000;

/** A `weir run` or `weir dev`, in a folder of its own. */
export interface LocalWeir extends Process {
  /** Where its Envoy takes requests, when it has said so. */
  url(timeoutMs?: number): Promise<string>;
  /** What it left in the folder for temporary files. */
  leftBehind(): Promise<string[]>;
}

/** A folder for commands, which goes with the test. */
export async function localFolder(t: TestContext) {
  const folder = await createTempFolder("local-test");
  t.after(() => folder.remove());
  return folder.path;
}

interface Where {
  readonly cwd: string;
  readonly env?: Record<string, string>;
}

/** Starts `weir ARGS` in a folder; it ends with the test. It has no terminal, and temporary files of its own. */
export function startLocalWeir(t: TestContext, args: readonly string[], where: Where): Promise<LocalWeir> {
  return start(t, [WEIR, ...args], where);
}

/** The same for a command line of a page, by a shell for which `weir` is this checkout's. */
export function startLine(t: TestContext, line: string, where: Where): Promise<LocalWeir> {
  return start(t, ["/bin/sh", "-c", `exec ${line.replace(/^weir /, `${WEIR} `)}`], where);
}

async function start(t: TestContext, [command = "", ...args]: readonly string[], { cwd, env = {} }: Where): Promise<LocalWeir> {
  const temporary = join(cwd, ".tmp");
  await mkdir(temporary, { recursive: true });
  const own = { ENVOY: await installEnvoy(), TMPDIR: temporary, DOCKER_CONFIG: cwd, WEIR_FILTERS: "", KUBECONFIG: "", ...env };
  const running = await startProcess(command, args, { name: `weir ${args[0]}`, cwd, env: own });
  t.after(() => running.stop());
  return {
    ...running,
    waitFor: (what, check, timeoutMs = LONG_MS) => running.waitFor(what, check, timeoutMs),
    url: (timeoutMs = LONG_MS) => running.waitFor("its curl command", (logs) => /curl -i (http:\S+)/.exec(logs)?.[1], timeoutMs),
    leftBehind: async () => (await readdir(temporary)).filter((name) => name.startsWith("weir-")),
  };
}

/** Runs it to its end; gives what it wrote. */
export async function endOfLocalWeir(t: TestContext, args: readonly string[], where: Where) {
  const running = await startLocalWeir(t, args, where);
  const { code } = await running.exited;
  return { code, logs: running.logs(), left: await running.leftBehind() };
}

/** Ctrl-C, as a terminal sends it. */
export function interrupt({ pid, exited }: LocalWeir): Promise<Exit> {
  process.kill(pid, "SIGINT");
  return exited;
}

/** The process of the Envoy that it started. */
export function envoyOf(logs: string): number {
  return Number(/Envoy \S+ \(process (\d+)\)/.exec(logs)?.[1]);
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
