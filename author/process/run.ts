import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { hasCode, messageOf } from "../../base/error.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { eachLine } from "../envoy/lines.ts";

/** A program to run, without a shell. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The same as a call of `main(args)` of an ES module, for who keeps a process for it: see `createResident`. */
  readonly main?: { readonly module: string; readonly args: readonly string[] };
}

export interface RunOptions {
  /** Ends the program and all that it started. */
  readonly signal?: AbortSignal | undefined;
  /** Gets each line of stderr as it is written. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Milliseconds that it has to end by itself before it is killed. Default 1 s. */
  readonly graceMs?: number;
}

/** How a program ended. */
export interface Ran {
  readonly code: number | null;
  /** At most 8 MiB of it, from the beginning. */
  readonly stdout: string;
  /** At most 256 KiB of it, from the beginning: the first errors are the cause of others. */
  readonly stderr: string;
}

const MAX_STDOUT = 8 << 20;
const MAX_STDERR = 256 << 10;

/** The reason of a failure of `run` when the program is not there. */
export const NOT_FOUND = "ProgramNotFound";
/** The reason of a failure when the signal ended it. */
export const STOPPED = "Stopped";

/**
 * Runs a program to its end, in a process group of its own: when the signal fires, or this process exits, the group is ended, so nothing that the program started
 * is left. Any exit status is a result; fails with `ProgramNotFound`, `CannotStart` or `Stopped`.
 */
export function run({ program, args, cwd, env }: Command, { signal, onLine, graceMs = 1_000 }: RunOptions = {}): Promise<Result<Ran>> {
  if (signal?.aborted === true) return Promise.resolve(stopped(program));
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    const end = () => endGroup(child, graceMs);
    const kill = () => signalGroup(child, "SIGKILL");
    signal?.addEventListener("abort", end, { once: true });
    process.once("exit", kill);
    const done = (result: Result<Ran>) => {
      signal?.removeEventListener("abort", end);
      process.off("exit", kill);
      resolve(signal?.aborted === true ? stopped(program) : result);
    };
    const stdout = keep(child.stdout, MAX_STDOUT);
    const stderr = keep(child.stderr, MAX_STDERR);
    if (onLine !== undefined) eachLine(child.stderr, onLine);
    child.once("error", (error) => done(cannotStart(program, error)));
    child.once("close", (code) => done(ok({ code, stdout: stdout(), stderr: stderr() })));
  });
}

function stopped(program: string): Result<never> {
  return failForNow(STOPPED, `${program} was stopped before it was done; run it again`);
}

function cannotStart(program: string, error: Error): Result<never> {
  if (hasCode(error, "ENOENT")) return fail(NOT_FOUND, `there is no ${program} on the PATH`);
  return fail("CannotStart", `${program} cannot be started: ${messageOf(error)}`);
}

/** Asks the group to end, as Ctrl-C does: compilers then remove their temporary files. Ends what is left of it when its time is over. */
function endGroup(child: ChildProcess, graceMs: number): void {
  signalGroup(child, "SIGINT");
  const timer = setTimeout(() => signalGroup(child, "SIGKILL"), graceMs);
  // It closes when nothing of the group holds its output any more.
  child.once("close", () => clearTimeout(timer));
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!hasCode(error, "ESRCH", "EPERM")) throw error;
  }
}

function keep(stream: Readable, max: number): () => string {
  const decoder = new StringDecoder("utf8");
  let text = "";
  stream.on("data", (chunk: Buffer) => {
    if (text.length < max) text = (text + decoder.write(chunk)).slice(0, max);
  });
  return () => text;
}
