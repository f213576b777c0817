import { parentPort, workerData } from "node:worker_threads";
import { printInput } from "./corpus.ts";
import { fuzz } from "./fuzzer.ts";
import type { Input } from "./target.ts";
import { targetOf } from "./targets.ts";

/** What the thread is given. `trying`: where the present input stands, for the one who watches: its length, then itself as text. */
export interface WorkerData {
  readonly target: string;
  readonly seed: number;
  readonly ms: number;
  readonly kept: readonly Input[];
  readonly trying: SharedArrayBuffer;
}

const { target, seed, ms, kept, trying } = workerData as WorkerData;
const length = new Int32Array(trying, 0, 2);
const text = new Uint8Array(trying, 8);

const outcome = await fuzz(targetOf(target), {
  ...{ seed, ms, kept },
  trying(input) {
    const printed = Buffer.from(printInput(input));
    text.set(printed.subarray(0, text.length));
    length[0] = printed.length;
    Atomics.add(length, 1, 1);
  },
});
parentPort?.postMessage(outcome);
