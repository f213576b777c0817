import { type ChildProcess, spawn } from "node:child_process";
import { failForNow, ok, type Result } from "../../model/result.ts";
import { type Command, type Ran, type RunOptions, run, STOPPED } from "./run.ts";

/** Runs commands as `run` does; one that has a `main` runs in a process that stays, with what it loaded and what V8 made of it. */
export interface Resident {
  readonly run: typeof run;
  /** Starts the process ahead of the first command. */
  prepare(command: Command): void;
  stop(): void;
}

/** A compiler keeps some of what it allocates: a process ends when it has this much memory, in bytes, and the next is started at once. */
const MAX_MEMORY = 768 * 2 ** 20;

/**
 * What the process runs: `main(args, { stdout, stderr })` of the module, in turn. Its own output is no part of the answer. It ends with the channel, that is, with
 * this process. https://www.assemblyscript.org/compiler.html#programmatic-usage
 */
const PROGRAM = `
const loaded = import(process.argv[1]);
const one = async ({ id, args }) => {
  const text = { stdout: "", stderr: "" };
  const stream = (name) => ({ write: (piece) => { text[name] += piece; return true; } });
  let code = 0;
  try {
    const { main } = await loaded;
    const { error } = await main(args, { stdout: stream("stdout"), stderr: stream("stderr") });
    code = error ? 1 : 0;
  } catch (error) {
    code = 1;
    text.stderr += String(error && error.stack || error);
  }
  process.send({ id, code, ...text, memory: process.memoryUsage().rss });
};
let last = loaded.catch(() => {});
process.on("message", (message) => { last = last.then(() => one(message)); });
process.on("disconnect", () => process.exit());
`;

interface Answer extends Ran {
  readonly id: number;
  readonly memory: number;
}

export function createResident(): Resident {
  let process: ResidentProcess | undefined;
  const processFor = (command: Command, main: string): ResidentProcess => {
    if (process === undefined || !process.fits(command, main)) {
      process?.end();
      process = new ResidentProcess(command, main);
    }
    return process;
  };
  return {
    prepare(command) {
      if (command.main !== undefined) processFor(command, command.main.module);
    },
    async run(command, options = {}) {
      if (command.main === undefined) return run(command, options);
      return processFor(command, command.main.module).run(command.main.args, options);
    },
    stop() {
      process?.end();
      process = undefined;
    },
  };
}

class ResidentProcess {
  private readonly main: string;
  private readonly cwd: string;
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, (ran: Result<Ran>) => void>();
  private number = 0;
  private memory = 0;
  private isEnded = false;

  constructor({ program, cwd, env }: Command, main: string) {
    this.main = main;
    this.cwd = cwd;
    const args = ["--input-type=module", "--eval", PROGRAM, "--", main];
    // In a group of its own, as all compilers: a Ctrl-C is for this process, which ends it.
    this.child = spawn(program, args, { cwd, env, stdio: ["ignore", "ignore", "ignore", "ipc"], detached: true });
    this.child.once("error", () => this.end());
    this.child.once("exit", () => this.end());
    this.child.on("message", ({ id, memory, ...ran }: Answer) => {
      this.memory = memory;
      this.settle(id, ok(ran));
    });
  }

  fits({ cwd }: Command, main: string): boolean {
    return !this.isEnded && this.cwd === cwd && this.main === main && this.memory < MAX_MEMORY;
  }

  /** One that is stopped goes on in the process, which is of more use than what ending it would save; what comes next waits for it. */
  run(args: readonly string[], { signal }: RunOptions): Promise<Result<Ran>> {
    const id = ++this.number;
    return new Promise((resolve) => {
      const abort = () => this.settle(id, failForNow(STOPPED, "the compiler was stopped before it was done; run it again"));
      this.waiting.set(id, (ran) => {
        signal?.removeEventListener("abort", abort);
        resolve(ran);
      });
      signal?.addEventListener("abort", abort, { once: true });
      if (signal?.aborted === true) return abort();
      if (this.isEnded) return this.settle(id, gone());
      this.child.send({ id, args }, (error) => error !== null && this.settle(id, gone()));
    });
  }

  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.child.kill("SIGKILL");
    for (const id of [...this.waiting.keys()]) this.settle(id, gone());
  }

  private settle(id: number, ran: Result<Ran>): void {
    this.waiting.get(id)?.(ran);
    this.waiting.delete(id);
  }
}

function gone(): Result<Ran> {
  return ok({ code: 1, stdout: "", stderr: "the compiler's process ended before it was done" });
}
