import { AsyncResource } from "node:async_hooks";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { getPriority, setPriority } from "node:os";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { shared } from "../../base/shared.ts";
import { type ProofBounds, type Usage, usageOf, withinBounds } from "./bounds.ts";
import { createFrameReader, encodeHead } from "./frame.ts";
import { PACKAGES, proverProgram } from "./program.ts";

/** How a prover ended: its process did, or it is lost sight of. */
export type End = Death | Loss;

export interface Loss {
  /** What became of the connection to it, in words. */
  readonly loss: string;
}

export interface Death {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last that it wrote to its standard error: where V8 says why it aborts. */
  readonly words: string;
}

/** A process that proves one module and ends. */
export interface Prover {
  /** Tells the prover what to prove. Once. */
  send(request: unknown, code: Uint8Array): void;
  /** Called for each message, and once at the end, in the name of who listens. Set it before `send`. */
  listen(onMessage: (header: unknown) => void, onEnd: (end: End) => void): void;
  /** What it took so far; `undefined` where that cannot be seen. */
  usage(): Usage | undefined;
  /** Ends it with SIGKILL, whatever it does. */
  kill(): void;
  readonly hasEnded: boolean;
  /** `undefined` when it could not be started, or is not on this machine. */
  readonly pid?: number | undefined;
}

/** Where provers come from. */
export interface Provers {
  start(bounds: ProofBounds): Prover;
  /** How much later than from a child process its answers may come, in milliseconds. */
  readonly delayMs: number;
}

/** Provers as children of this process. */
export const childProvers: Provers = { start: startProver, delayMs: 0 };

const BOOT = fileURLToPath(new URL("./boot.js", import.meta.url));
/** The most that a prover may say at once, in bytes: the facts of a module at its bounds take a tenth. Provers send no bodies. */
export const ANSWER = { header: 2 * 1024 * 1024, body: 0 };
const MAX_WORDS = 4096;
/** A third of the share that others have. Far enough: a proof's time is bounded too. https://man7.org/linux/man-pages/man7/sched.7.html */
const NICENESS = 5;
/** The lowest priority that there is. */
const LEAST = 19;

/** The one package that a prover may read from disk: CEL, when a module asks for it. */
function readablePackages(): string {
  const path = PACKAGES["#cel"];
  return path.slice(0, path.lastIndexOf("@bufbuild") + "@bufbuild".length);
}

function commandLine(bounds: ProofBounds): [string, string[]] {
  return withinBounds(bounds, [
    process.execPath,
    // Node's own permissions are the second fence: they are checked inside the process. The first is that there is nothing to reach.
    "--permission",
    `--allow-fs-read=${BOOT}`,
    `--allow-fs-read=${readablePackages()}`,
    `--max-old-space-size=${bounds.heapMb}`,
    "--max-semi-space-size=8",
    "--disable-warning=ExperimentalWarning",
    BOOT,
  ]);
}

/**
 * Starts a prover: no environment, no descriptors but three pipes, the kernel's bounds. It waits for its request, keeps nothing else running, and
 * ends when this process does.
 */
export function startProver(bounds: ProofBounds): Prover {
  const [command, args] = commandLine(bounds);
  return shared(() => new ChildProver(spawn(command, args, { env: {}, cwd: "/", stdio: ["pipe", "pipe", "pipe"] })));
}

/**
 * Proofs use all of the processor that there is. Where that is not enough, they wait for what serves proxies: with six at work on two cores, the event loop of the
 * server was a tenth of a second late, at times four.
 */
function lowerPriority(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, Math.min(getPriority() + NICENESS, LEAST));
  } catch {
    // It is gone already, or there are no priorities here.
  }
}

class ChildProver implements Prover {
  hasEnded = false;
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly pid: number | undefined;
  private words = "";
  private onMessage: (header: unknown) => void = () => undefined;
  private onEnd: (end: End) => void = () => undefined;

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.child = child;
    this.pid = child.pid;
    child.on("error", (error) => this.end({ code: null, signal: null, words: error.message }));
    // Without a descriptor left Node makes no pipes, whatever its types say. The error comes in the next tick.
    if (child.stdout === undefined) return;
    const take = createFrameReader(ANSWER, ({ header }) => this.onMessage(header));
    child.stdout.on("data", (chunk: Buffer) => {
      try {
        take(chunk);
      } catch {
        this.words = "it wrote what is no answer";
        this.kill();
      }
    });
    child.stderr.on("data", (chunk: Buffer) => {
      this.words = (this.words + chunk.toString("latin1")).slice(-MAX_WORDS);
    });
    lowerPriority(child.pid);
    child.stdin.on("error", () => undefined); // It died: `end` tells.
    child.on("close", (code, signal) => this.end({ code, signal, words: this.words }));
    child.stdin.write(proverProgram());
    this.keepAlive(false);
  }

  listen(onMessage: (header: unknown) => void, onEnd: (end: End) => void): void {
    [this.onMessage, this.onEnd] = [AsyncResource.bind(onMessage), AsyncResource.bind(onEnd)];
  }

  send(request: unknown, code: Uint8Array): void {
    if (this.child.stdin === undefined) return;
    this.keepAlive(true);
    this.child.stdin.write(encodeHead(request, code.length));
    this.child.stdin.write(code);
  }

  usage(): Usage | undefined {
    return this.pid === undefined || this.hasEnded ? undefined : usageOf(this.pid);
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  private end(end: End): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.onEnd(end);
  }

  /** A prover that waits does not keep this process from ending. */
  private keepAlive(isNeeded: boolean): void {
    const how = isNeeded ? "ref" : "unref";
    this.child[how]();
    for (const pipe of [this.child.stdin, this.child.stdout, this.child.stderr]) (pipe as Socket)[how]();
  }
}
