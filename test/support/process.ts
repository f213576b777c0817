import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants as modes } from "node:fs";
import { constants } from "node:os";

/** A process that a test or the demo started, and stops. */
export interface Process {
  readonly pid: number;
  /** What it printed on stdout and stderr, the newest `maxLogBytes` of it. */
  logs(): string;
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<Exit>;
  /**
   * Waits until `check` gives something other than undefined or false: it is called when output arrives and every 20 ms.
   * A `check` that throws or rejects counts as "not yet". Throws with the logs when the process ends first or `timeoutMs` is over.
   */
  waitFor<T>(what: string, check: (logs: string) => Awaitable<T | undefined | false>, timeoutMs?: number): Promise<T>;
  /** TERM, then KILL when it has not ended within `graceMs`. Resolves when it is gone; safe to call again. */
  stop(graceMs?: number): Promise<Exit>;
  /** KILL at once, for tests of a crash. */
  kill(): Promise<Exit>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessOptions {
  /** Name used in error messages; the command by default. */
  readonly name?: string;
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to stdin, which is closed after. */
  readonly input?: string;
  readonly maxLogBytes?: number;
}

type Awaitable<T> = T | Promise<T>;

const running = new Set<ChildProcess>();
let guarded = false;

/** Stops everything that was started here when this process ends. */
function guardRunning(): void {
  if (guarded) return;
  guarded = true;
  process.on("exit", () => {
    for (const child of running) child.kill("SIGKILL");
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    // Without a handler a signal ends the process with no "exit" event, so nothing would be stopped. Another handler decides by itself when to end.
    process.once(signal, () => {
      if (process.listenerCount(signal) === 0) process.exit(128 + constants.signals[signal]);
    });
  }
}

/** On Linux the kernel ends the child when this process is killed. `setpriv` execs the command, so the pid is the command's own. */
function withDeathSignal(command: string, args: readonly string[]): [string, readonly string[]] {
  const setpriv = "/usr/bin/setpriv";
  if (process.platform !== "linux") return [command, args];
  try {
    accessSync(setpriv, modes.X_OK);
  } catch {
    return [command, args];
  }
  return [setpriv, ["--pdeathsig", "KILL", "--", command, ...args]];
}

/** Starts `command` without a shell. Throws when it cannot be started at all. */
export async function startProcess(command: string, args: readonly string[], options: ProcessOptions = {}): Promise<Process> {
  guardRunning();
  const name = options.name ?? command;
  const [file, argv] = withDeathSignal(command, args);
  const child = spawn(file, argv, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(new Error(`${name} cannot be started: ${error.message}`)));
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} cannot be started`);
  running.add(child);
  child.stdin?.on("error", () => {});
  child.stdin?.end(options.input);

  const log = collectOutput(child, options.maxLogBytes ?? 1 << 20);
  let ended: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once("close", (code, signal) => {
      running.delete(child);
      ended = { code, signal };
      resolve(ended);
    });
  });

  async function stop(graceMs = 5_000): Promise<Exit> {
    if (ended === undefined) child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
    const exit = await exited;
    clearTimeout(timer);
    return exit;
  }

  async function waitFor<T>(what: string, check: (logs: string) => Awaitable<T | undefined | false>, timeoutMs = 20_000): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = await Promise.resolve(log.text())
        .then(check)
        .catch(() => undefined);
      if (found !== undefined && found !== false) return found;
      const problem =
        ended !== undefined ? `ended (${ended.signal ?? ended.code})` : performance.now() > deadline ? "is still running" : undefined;
      if (problem !== undefined) throw new Error(`${name} ${problem}; waited for: ${what}\n${log.text().slice(-4_000)}`);
      await log.changed(20);
    }
  }

  return {
    pid,
    logs: log.text,
    exited,
    waitFor,
    stop,
    kill() {
      child.kill("SIGKILL");
      return exited;
    },
  };
}

function collectOutput(child: ChildProcess, maxBytes: number) {
  let chunks: Buffer[] = [];
  let size = 0;
  let wake = () => {};
  const add = (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size > 2 * maxBytes) {
      chunks = [Buffer.concat(chunks).subarray(-maxBytes)];
      size = maxBytes;
    }
    wake();
  };
  child.stdout?.on("data", add);
  child.stderr?.on("data", add);
  return {
    text: () => {
      chunks = [Buffer.concat(chunks)];
      return chunks[0]?.subarray(-maxBytes).toString("utf8") ?? "";
    },
    /** Resolves on the next output, or after `ms`. */
    changed: (ms: number) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
  };
}

/** Waits until `check` gives something other than undefined or false, and gives that back. Throws `what` when `timeoutMs` is over, with the last error. */
export async function eventually<T>(
  what: string,
  check: () => Awaitable<T | undefined | false>,
  timeoutMs = 20_000,
  everyMs = 20,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await check();
      if (found !== undefined && found !== false) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for: ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
