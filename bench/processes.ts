import { type ChildProcess, execFile, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { writeResult } from "../scripts/tests/results.ts";

export interface Event {
  readonly event: string;
  readonly [fact: string]: unknown;
}

/** A process that speaks lines of JSON. */
export interface Part {
  readonly pid: number;
  /** The next event of this kind that comes after now, or came since the last call. */
  wait(event: string, holds?: (event: Event) => boolean): Promise<Event>;
  say(word: string): void;
  /** SIGKILL, and gone. */
  kill(): Promise<void>;
}

/** CPU time in milliseconds, to the nanosecond, and memory in bytes of a process. https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat */
export interface Usage {
  readonly cpuMs: number;
  readonly rss: number;
  /** Highest `rss` so far. */
  readonly peak: number;
}

const here = import.meta.dirname;
const DEADLINE_MS = 180_000;
/** Of the times in /proc: a hundredth of a second. */
const TICK_MS = 10;

export async function usage(pid: number): Promise<Usage> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0) * 1024;
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8").catch(() => "0")));
  return {
    cpuMs: times.reduce((sum, text) => sum + Number(text.split(" ")[0]) / 1e6, 0),
    rss: kilobytes("VmRSS"),
    peak: kilobytes("VmHWM"),
  };
}

/** CPU milliseconds of the processes that this one started and that have ended. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (cutime, cstime) */
export async function cpuOfEnded(): Promise<number> {
  const stat = await readFile("/proc/self/stat", "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) * TICK_MS;
}

/** Builds the Go side; returns the path of the binary, which goes when this process exits. */
export async function buildGo(): Promise<string> {
  const binary = join(tmpdir(), `weir-bench-gcp-${process.pid}`);
  process.once("exit", () => rmSync(binary, { force: true }));
  await promisify(execFile)("go", ["build", "-o", binary, "."], { cwd: resolve(here, "gcp") });
  return binary;
}

const children = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

export function start(command: string, args: readonly string[]): Part {
  const child: ChildProcess = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const events: Event[] = [];
  const waiters = new Set<() => void>();
  const wake = () => {
    for (const waiter of waiters) waiter();
    waiters.clear();
  };
  const gone = new Promise<void>((done) => child.once("exit", () => done()));
  void gone.then(wake);
  children.add(child);
  void gone.then(() => children.delete(child));
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on("line", (line) => {
      events.push(JSON.parse(line));
      wake();
    });
  }

  async function wait(event: string, holds: (event: Event) => boolean = () => true): Promise<Event> {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const index = events.findIndex((each) => each.event === event && holds(each));
      const [found] = index < 0 ? [] : events.splice(0, index + 1).slice(-1);
      if (found !== undefined) return found;
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${command} is gone, and no ${event} came`);
      if (Date.now() > deadline) throw new Error(`no ${event} from ${command} in ${DEADLINE_MS} ms`);
      await new Promise<void>((done) => {
        const timer = setTimeout(done, DEADLINE_MS);
        waiters.add(() => {
          clearTimeout(timer);
          done();
        });
      });
    }
  }

  return {
    pid: child.pid ?? 0,
    wait,
    say: (word) => void child.stdin?.write(`${word}\n`),
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

export type ServerName = "weir" | "snapshot" | "linear";
export const serverNames: readonly ServerName[] = ["weir", "snapshot", "linear"];

/** As many runs with each server, one after the other; each round begins with another of them. */
export async function takeTurns(rounds: number, servers: readonly ServerName[], run: (server: ServerName) => Promise<void>): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const first = round % servers.length;
    for (const server of [...servers.slice(first), ...servers.slice(0, first)]) await run(server);
  }
}

/** `1,2,3` of a command line. */
export function numbers(text: string): number[] {
  return text.split(",").map(Number);
}

/** Starts one of the servers that are compared, with a resource of this many bytes. */
export function startServer(name: ServerName, go: string, size: number, address = "127.0.0.1:0"): Part {
  if (name === "weir") return start(process.execPath, [resolve(here, "weir-server.ts"), String(size), address]);
  return start(go, ["serve", "-cache", name, "-size", String(size), "-address", address]);
}

/** Every run, as it was measured, for whoever wants to look closer. */
export async function writeResults(name: string, runs: readonly unknown[]): Promise<void> {
  await writeResult(join("bench", "results", `${name}.json`), runs);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
