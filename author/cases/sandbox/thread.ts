import { Worker } from "node:worker_threads";
import type { Case } from "../case.ts";
import type { SetupDefaults } from "../read/file.ts";
import { Whereabouts } from "./whereabouts.ts";
import type { WorkerAnswer, WorkerData, WorkerRequest } from "./worker.ts";

/** What the thread says first. */
const READY = "ready";

/** `.ts` in a checkout, `.js` in a package, as this file. */
const ENTRY = new URL(import.meta.url.endsWith(".js") ? "./worker.js" : "./worker.ts", import.meta.url);

/** Milliseconds for one case. Its clock passes in no time, so this is the time that the filter's own code takes. */
const CASE_MS = 10_000;
/** Milliseconds for the start of the thread. */
const START_MS = 60_000;
/** Megabytes of JavaScript objects of the thread; the module's memory is not among them. */
const MAX_HEAP = 512;

/** Where a case stands. */
export interface CasePlace {
  readonly path: string;
  readonly index: number;
  readonly one: Case;
}

/** The sandbox in a thread of its own: a callback that never returns ends its case and no other. */
export class SandboxThread {
  private readonly data: WorkerData;
  private readonly caseMs: number;
  private readonly whereabouts = new Whereabouts();
  private worker: Worker | undefined;

  constructor(module: Uint8Array, defaults: SetupDefaults, caseMs = CASE_MS) {
    this.data = { module, defaults, memory: this.whereabouts.memory };
    this.caseMs = caseMs;
  }

  async run({ path, index, one }: CasePlace, isStrict: boolean, counters: readonly string[]): Promise<WorkerAnswer> {
    const request: WorkerRequest = { path, name: one.file, index, isStrict, counters };
    const began = performance.now();
    const answer = await this.ask(request);
    if (typeof answer !== "string") return answer;
    // The thread has ended.
    const { line: step, callback, logs } = this.whereabouts.read();
    const got = callback === "" ? answer : `${answer}: ${callback}${step === 0 ? ", as the filter started" : ""}`;
    const mismatches = [{ path: "time", line: step || one.line, expected: "each callback of the filter returns", got }];
    const failure = { mismatches, logs, trap: undefined };
    const { file, line, name } = one;
    const result = { file, line, name, outcome: "failed", duration: performance.now() - began, failure } as const;
    return { result, observed: [], counts: counters.map(() => 0) };
  }

  async stop(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }

  /** A text: why there is no answer. */
  private async ask(request: WorkerRequest): Promise<WorkerAnswer | string> {
    const isNew = this.worker === undefined;
    const worker = this.worker ?? new Worker(ENTRY, { workerData: this.data, resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP } });
    this.worker = worker;
    const ready = isNew ? await next(worker, START_MS, `the sandbox does not start in ${START_MS / 1000} s`) : READY;
    worker.postMessage(request);
    const answer = ready === READY ? await next(worker, this.caseMs, `one runs for longer than ${this.caseMs / 1000} s`) : ready;
    if (typeof answer === "string") await this.stop();
    return answer;
  }
}

/** What the thread says next; a text of our own when it ends, or says nothing for so long. */
async function next(worker: Worker, ms: number, late: string): Promise<WorkerAnswer | string> {
  const { promise, resolve } = Promise.withResolvers<WorkerAnswer | string>();
  const timer = setTimeout(() => resolve(late), ms);
  const onError = (error: Error) => resolve(`the sandbox ended: ${error.message}`);
  worker.once("message", resolve);
  worker.once("error", onError);
  const said = await promise;
  clearTimeout(timer);
  worker.off("message", resolve);
  worker.off("error", onError);
  return said;
}
