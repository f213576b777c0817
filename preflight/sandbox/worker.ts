import { parentPort, workerData } from "node:worker_threads";
import { runTrial, type TrialInput } from "./trial.ts";

const input = workerData as TrialInput;
const report = runTrial(input, (phase) => parentPort?.postMessage({ phase }));
parentPort?.postMessage({ report });
