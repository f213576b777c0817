import { spawn } from "node:child_process";
import { outsideNpm as clean } from "../../author/process/environment.ts";

/** A machine or a build lacks something; the message is one line that a person can act on. Programs print it without a stack. */
export class ToolError extends Error {
  override readonly name = "ToolError";
}

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Written to stdin, which is closed after. */
  readonly input?: string | undefined;
  /** Bytes to keep of each of stdout and stderr; the newest are kept. 4 MiB by default. */
  readonly maxBytes?: number;
  readonly timeoutMs?: number;
}

/** Runs a command to its end, without a shell. Resolves whatever the exit status; rejects with a ToolError when it cannot be started. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const maxBytes = options.maxBytes ?? 4 << 20;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input);
    const kept = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name]?.setEncoding("utf8").on("data", (text: string) => {
        kept[name] = (kept[name] + text).slice(-maxBytes);
      });
    }
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), options.timeoutMs);
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(new ToolError(`${command} cannot be started: ${error.message}`));
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, ...kept });
    });
  });
}

/** As `run`, but an exit status other than 0 rejects with a ToolError that ends in the last lines of the output. */
export async function runOk(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const done = await run(command, args, options);
  if (done.code === 0) return done.stdout;
  const tail = `${done.stdout}\n${done.stderr}`.trim().split("\n").slice(-15).join("\n");
  throw new ToolError(`${command} ${args.join(" ")} failed (${done.signal ?? done.code}):\n${tail}`);
}

/** As `outsideNpm` of author/process/, of this process. */
export function outsideNpm(): Record<string, string> {
  return clean(process.env);
}
