import { Worker } from "node:worker_threads";
import type { Phase, TrialInput, TrialProblem, TrialReport } from "./trial.ts";

export interface SandboxLimits {
  /** Milliseconds for each phase. */
  readonly phaseMs: Readonly<Record<Phase, number>>;
  /** Heap of the sandbox's own JavaScript, in MiB. */
  readonly heapMb: number;
}

type FromWorker = { readonly phase: Phase } | { readonly report: TrialReport };

const DOING: Readonly<Record<Phase, string>> = {
  compile: "compiling",
  start: "its start functions",
  configure: "creation and configuration (proxy_on_context_create, proxy_on_vm_start, proxy_on_configure)",
  traffic: "the synthetic requests",
};

/** Time for the worker itself to start, before it reads the module. */
const BOOT_MS = 30_000;

/**
 * Runs a trial in a thread of its own and ends the thread when a phase takes too long, when its heap is full or when `signal` fires.
 * `undefined`: stopped by the signal. Nothing that the module does affects this thread.
 */
export function runSandbox(input: TrialInput, limits: SandboxLimits, signal?: AbortSignal): Promise<TrialReport | undefined> {
  if (signal?.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    let phase: Phase | undefined;
    let timer: NodeJS.Timeout | undefined;
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: input,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: limits.heapMb, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
    });
    const finish = (report: TrialReport | undefined): void => {
      clearTimeout(timer);
      stage += 1;
      signal?.removeEventListener("abort", abort);
      worker.removeAllListeners();
      worker.on("error", () => undefined);
      worker.terminate().then(() => resolve(report));
    };
    const abort = (): void => finish(undefined);
    let stage = 0;
    const expect = (ms: number): void => {
      clearTimeout(timer);
      const expected = ++stage;
      // When this thread was busy, the timer may fire before messages that have already arrived: handle those first.
      const late = (): NodeJS.Immediate => setImmediate(() => expected === stage && finish(failure(phase, timeout(phase, ms))));
      timer = setTimeout(late, ms);
    };
    expect(BOOT_MS);
    signal?.addEventListener("abort", abort);
    worker.on("message", (message: FromWorker) => {
      if ("report" in message) return finish(message.report);
      phase = message.phase;
      expect(limits.phaseMs[phase]);
    });
    worker.on("error", (error: Error & { code?: string }) => finish(failure(phase, crash(error))));
    worker.on("exit", (code) =>
      finish(failure(phase, { reason: "SandboxFailed", message: `the sandbox ended by itself with status ${code}` })),
    );
  });
}

function timeout(phase: Phase | undefined, ms: number): TrialProblem {
  const what = phase === undefined ? "the sandbox's own start" : DOING[phase];
  return { reason: "Timeout", message: `the module was stopped after ${ms} ms in ${what}: an endless loop would hang the proxy` };
}

function crash(error: Error & { code?: string }): TrialProblem {
  if (error.code !== "ERR_WORKER_OUT_OF_MEMORY") return { reason: "SandboxFailed", message: `the sandbox failed: ${error.message}` };
  return { reason: "MemoryLimit", message: "the module made its host run out of memory" };
}

function failure(phase: Phase | undefined, problem: TrialProblem): TrialReport {
  const nothing = { load: undefined, traffic: undefined, compileMs: 0, startMs: 0, memoryPages: 0, effects: [], answers: [] };
  return phase === "traffic" ? { ...nothing, traffic: problem } : { ...nothing, load: problem };
}
