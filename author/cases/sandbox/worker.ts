import { parentPort, workerData } from "node:worker_threads";
import type { CaseFile } from "../case.ts";
import type { Observed } from "../observed.ts";
import { readCases, type SetupDefaults } from "../read/file.ts";
import type { TestResult } from "../result.ts";
import { runCase } from "../run.ts";
import { createSandbox } from "./sandbox.ts";
import { Whereabouts } from "./whereabouts.ts";

/** What the thread is started with. */
export interface WorkerData {
  readonly module: Uint8Array;
  readonly defaults: SetupDefaults;
  /** The memory of its `Whereabouts`. */
  readonly memory: SharedArrayBuffer;
}

/** A case, by its place in its file. */
export interface WorkerRequest {
  readonly path: string;
  readonly name: string;
  readonly index: number;
  readonly isStrict: boolean;
  /** Exported globals whose values are told. */
  readonly counters: readonly string[];
}

export interface WorkerAnswer {
  readonly result: TestResult;
  readonly observed: readonly Observed[];
  /** Values of the counters, in order. */
  readonly counts: readonly number[];
}

/** Said once, before any answer: the thread's own start does not count to a case. */
const READY = "ready";

/** The thread that cases run in: the main thread ends it when a callback does not return. */
async function answer({ path, name, index, isStrict, counters }: WorkerRequest): Promise<WorkerAnswer> {
  const file = await fileOf(path, name);
  const one = file.cases[index];
  if (one === undefined) throw new Error(`${name} has no case ${index} any more`);
  const observed: Observed[] = [];
  instances.length = 0;
  whereabouts.reset();
  const onBegin = ({ line }: { readonly line: number }) => whereabouts.atStep(line);
  const result = await runCase(one, sandbox, { isStrict, onBegin, onStep: (each) => observed.push(each) });
  const counts = counters.map((counter) => instances.reduce((sum, exports) => sum + countIn(exports, counter), 0));
  return { result, observed, counts };
}

const { module, defaults, memory } = workerData as WorkerData;
const whereabouts = new Whereabouts(memory);
const instances: Readonly<Record<string, unknown>>[] = [];
const made = createSandbox(module, {
  onExports: (exports) => instances.push(exports),
  onCallback: (callback) => whereabouts.atCallback(callback),
  onLog: (line) => whereabouts.logged(line),
});
if (!made.ok) throw new Error(made.error.message);
const sandbox = made.value;
const files = new Map<string, CaseFile>();

async function fileOf(path: string, name: string): Promise<CaseFile> {
  const known = files.get(path);
  if (known !== undefined) return known;
  const read = await readCases(path, name, defaults);
  if (!read.ok) throw new Error(read.error.message);
  files.set(path, read.value);
  return read.value;
}

/** Counts are modulo 2^32. */
function countIn(exports: Readonly<Record<string, unknown>>, counter: string): number {
  return Number((exports[counter] as { readonly value: number } | undefined)?.value ?? 0) >>> 0;
}

parentPort?.postMessage(READY);
parentPort?.on("message", (request: WorkerRequest) => {
  void answer(request).then((done) => parentPort?.postMessage(done));
});
