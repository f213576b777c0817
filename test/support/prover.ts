import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { MemoryGroup } from "./memory-group.ts";
import { eventually, type Process, startProcess } from "./process.ts";
import { createTempFolder } from "./temp-folder.ts";

const WEIR = fileURLToPath(new URL("../../bin/weir", import.meta.url));

/** A `weir prover` as its container runs it. It ends with the test. */
export interface ProverProcess {
  readonly socket: string;
  pid(): number;
  logs(): string;
  /** The processes that it started. */
  children(): Promise<readonly number[]>;
  /** SIGKILL to it and to its children at once, as the kernel ends a container that is out of memory. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Resident memory of a process in MiB: all of it, and what it shares with nobody. */
export async function residentOf(pid: number): Promise<{ readonly all: number; readonly own: number }> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const mib = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  return { all: mib("VmRSS"), own: mib("RssAnon") };
}

export async function childrenOf(parent: number): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const parents = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, "latin1").catch(() => "")));
  return parents.flatMap((stat, index) =>
    Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === parent ? [Number(pids[index])] : [],
  );
}

/** A `weir prover` that is not started yet. `group` is its container's memory. */
export async function createProverProcess(t: TestContext, group?: MemoryGroup): Promise<ProverProcess> {
  const folder = await createTempFolder("prover");
  const socket = join(folder.path, "prover.sock");
  let running: Process | undefined;
  const current = (): Process =>
    running ??
    (() => {
      throw new Error("it was not started");
    })();
  t.after(async () => {
    await running?.stop();
    await folder.remove();
  });
  return {
    socket,
    pid: () => current().pid,
    logs: () => current().logs(),
    children: () => childrenOf(current().pid),
    async kill() {
      const { pid, exited } = current();
      for (const each of [pid, ...(await childrenOf(pid))]) process.kill(each, "SIGKILL");
      await exited;
    },
    async stop() {
      await running?.stop();
    },
    async start() {
      const command = [WEIR, "prover", "--socket", socket, "--log-format", "text"] as const;
      const [file, ...args] = group === undefined ? command : group.inside(command);
      running = await startProcess(file, args, { name: "weir prover" });
      await eventually("its socket", () => current().logs().includes("waiting for modules"));
    },
  };
}

/** A `weir prover` that waits for modules. */
export async function startProver(t: TestContext): Promise<ProverProcess> {
  const prover = await createProverProcess(t);
  await prover.start();
  return prover;
}
