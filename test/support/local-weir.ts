import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { installEnvoy } from "../../scripts/tools/envoy.ts";
import { type Exit, type Process, startProcess } from "./process.ts";
import { createTempFolder } from "./temp-folder.ts";

const WEIR = fileURLToPath(new URL("../../bin/weir", import.meta.url));

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

/** Starts `weir ARGS` in a folder; it ends with the test. It has no terminal, and no home but that folder. */
export async function startLocalWeir(
  t: TestContext,
  args: readonly string[],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Record<string, string> },
): Promise<LocalWeir> {
  const temporary = join(cwd, ".tmp");
  await mkdir(temporary, { recursive: true });
  const own = { ENVOY: await installEnvoy(), TMPDIR: temporary, DOCKER_CONFIG: cwd, WEIR_FILTERS: "", KUBECONFIG: "", ...env };
  const running = await startProcess(WEIR, args, { name: `weir ${args[0]}`, cwd, env: own });
  t.after(() => running.stop());
  return {
    ...running,
    url: (timeoutMs = 60_000) => running.waitFor("its curl command", (logs) => /curl -i (http:\S+)/.exec(logs)?.[1], timeoutMs),
    leftBehind: async () => (await readdir(temporary)).filter((name) => name.startsWith("weir-")),
  };
}

/** Runs it to its end; gives what it wrote. */
export async function endOfLocalWeir(t: TestContext, args: readonly string[], options: Parameters<typeof startLocalWeir>[2]) {
  const running = await startLocalWeir(t, args, options);
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
