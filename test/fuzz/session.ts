import { Worker } from "node:worker_threads";
import { parseInput, readKept } from "./corpus.ts";
import { cpuMs, type Fault, type Outcome } from "./fuzzer.ts";
import type { WorkerData } from "./worker.ts";

/** An input that computes for so long, or does nothing for ten times as long, is taken to have no end. */
const HANG_MS = 20_000;
const LOOK_MS = 1_000;
/** Memory of the thread: an input that makes the code take more is a fault. */
const HEAP_MIB = 768;
/** Place for the present input as text. */
const TRYING_BYTES = 16 * 1024 * 1024;

/**
 * Fuzzes a target for `ms` in a thread of its own, and ends it when an input does not. An input that hangs or exhausts the memory is a fault
 * like any other, but what the thread knew is gone with it.
 */
export async function session(target: string, seed: number, ms: number): Promise<Outcome> {
  const trying = new SharedArrayBuffer(TRYING_BYTES);
  const data: WorkerData = { target, seed, ms, kept: await readKept(target), trying };
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
  });
  const progress = new Int32Array(trying, 0, 2);
  const lost = (message: string): Outcome => ({
    ...{ target, seed, tried: Atomics.load(progress, 1), seeded: NOTHING, reached: NOTHING, grown: [] },
    faults: [{ message, input: presentInput(trying) } satisfies Fault],
  });
  return new Promise((resolve, reject) => {
    let seen = { count: 0, cpu: cpuMs(), at: performance.now() };
    const timer = setInterval(() => {
      const count = Atomics.load(progress, 1);
      if (count !== seen.count) seen = { count, cpu: cpuMs(), at: performance.now() };
      if (cpuMs() - seen.cpu < HANG_MS && performance.now() - seen.at < 10 * HANG_MS) return;
      clearInterval(timer);
      resolve(lost(`an input does not end within ${HANG_MS / 1000} s`));
      void worker.terminate();
    }, LOOK_MS);
    worker.once("message", resolve);
    worker.once("error", (error: Error & { code?: string }) => {
      if (error.code === "ERR_WORKER_OUT_OF_MEMORY") resolve(lost(`an input takes more than ${HEAP_MIB} MiB`));
      else reject(error);
    });
    worker.once("exit", () => clearInterval(timer));
  });
}

const NOTHING = { lines: 0, states: 0 };

function presentInput(trying: SharedArrayBuffer): Fault["input"] {
  const [length = 0] = new Int32Array(trying, 0, 1);
  return parseInput(Buffer.from(trying, 8, Math.min(length, trying.byteLength - 8)).toString());
}
