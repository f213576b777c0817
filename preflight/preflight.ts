import { LRUCache } from "lru-cache";
import pLimit from "p-limit";
import { allowedNames } from "../model/capabilities.ts";
import { type Metrics, outcomeOf, silentMetrics } from "../model/metrics.ts";
import { type Failure, fail, failForNow, ok, type Result } from "../model/result.ts";
import type { PluginSettings } from "../model/settings.ts";
import type { Measurements, Preflight } from "../model/verdict.ts";
import { abiOf, factsOf, type ModuleFacts } from "./abi/facts.ts";
import { checkHazards, checkLoadable } from "./abi/loadable.ts";
import { readWasm, type WasmBinary } from "./binary/binary.ts";
import { runSandbox, type SandboxLimits } from "./sandbox/sandbox.ts";
import type { TrialInput, TrialReport } from "./sandbox/trial.ts";
import { verdictKey } from "./verdict-key.ts";

/** Limits of a preflight. The defaults suit an operator. */
export interface PreflightOptions {
  /** Largest module, in bytes. Default 64 MiB. */
  readonly maxModuleBytes?: number;
  /** Most memory that a module may take, in pages of 64 KiB. Default 2048 (128 MiB); Envoy's own bound is 16384. */
  readonly maxMemoryPages?: number;
  /** Milliseconds for each phase. Default 60 s to compile, 5 s for each of the others. */
  readonly phaseMs?: Partial<SandboxLimits["phaseMs"]>;
  /** Sandboxes at a time. Default 2. */
  readonly concurrency?: number;
  /** Verdicts remembered. Default 256. */
  readonly remembered?: number;
  readonly metrics?: Metrics;
}

/** A verdict in two parts: what Envoy does when it loads the module, and what happens under traffic. For tests and `weir inspect`. */
export interface Examination {
  readonly facts: ModuleFacts;
  readonly report: TrialReport;
}

const DEFAULTS = {
  maxModuleBytes: 64 * 1024 * 1024,
  maxMemoryPages: 2048,
  concurrency: 2,
  remembered: 256,
};

const WITHHELD =
  "the module failed; its configuration comes from a Secret, so what it said is not shown; run weir verify with the configuration to see it";

const PHASE_MS = { compile: 60_000, start: 5000, configure: 5000, traffic: 5000 };

/** Proves that modules load and survive traffic, before any proxy sees them. Each runs in a sandbox of its own; see runSandbox. */
export function createPreflight(options: PreflightOptions = {}): Preflight {
  const { concurrency, remembered } = { ...DEFAULTS, ...options };
  const { metrics = silentMetrics } = options;
  const limited = pLimit(concurrency);
  const verdicts = new LRUCache<string, Result<Measurements>>({ max: remembered });
  return {
    async validate(code, settings, signal, secretConfig = false) {
      const key = verdictKey(code, settings, secretConfig);
      const known = verdicts.get(key);
      if (known !== undefined) return known;
      const capabilities = settings.capabilities && allowedNames(settings.capabilities);
      const verdict = await limited(async () => {
        const stop = metrics.start("prove");
        const found = verdictOf(await examine(code, { ...settings, capabilities }, options, signal), secretConfig);
        stop(outcomeOf(found));
        return found;
      });
      if (verdict.ok || !verdict.error.retryable) verdicts.set(key, verdict);
      return verdict;
    },
  };
}

/**
 * Reads the module, refuses what Envoy refuses without running it, and runs the rest in the sandbox. The report has the problems of the run.
 * `settings.capabilities` are the names as Envoy gets them.
 */
export async function examine(
  code: Uint8Array,
  settings: PluginSettings,
  options: PreflightOptions = {},
  signal?: AbortSignal,
): Promise<Result<Examination>> {
  const { maxModuleBytes, maxMemoryPages } = { ...DEFAULTS, ...options };
  if (code.length > maxModuleBytes) return fail("ModuleTooLarge", `the module has ${code.length} bytes; the limit is ${maxModuleBytes}`);
  const read = readWasm(code);
  if (!read.ok) return read;
  const loadable = checkLoadable(code, read.value, abiOf(read.value), settings.capabilities);
  if (!loadable.ok) return loadable;
  const memory = checkStartingMemory(read.value, maxMemoryPages);
  if (memory !== undefined) return { ok: false, error: memory };
  const { type, config, rootId, env, capabilities = [] } = settings;
  const input: TrialInput = {
    code,
    abi: loadable.value,
    name: "preflight",
    type,
    config,
    rootId,
    env,
    capabilities,
    maxPages: maxMemoryPages,
  };
  const report = await runSandbox(input, { phaseMs: { ...PHASE_MS, ...options.phaseMs }, heapMb: 128 }, signal);
  if (report === undefined) return failForNow("Stopped", "preflight was stopped before it came to a verdict");
  const hazard = report.load === undefined && report.traffic === undefined ? checkHazards(read.value) : undefined;
  return ok({ facts: factsOf(code, read.value), report: hazard === undefined ? report : { ...report, traffic: hazard } });
}

function checkStartingMemory(binary: WasmBinary, maxPages: number): Failure | undefined {
  const pages = binary.memories[0]?.min ?? 0;
  if (pages <= maxPages) return undefined;
  return { reason: "MemoryLimit", message: `the module starts with ${pages} pages of memory; the limit is ${maxPages}`, retryable: false };
}

/** With a configuration from a Secret nothing that the module said leaves: it may have turned the text into any other, which nobody can find again. */
function verdictOf(examined: Result<Examination>, isSecret: boolean): Result<Measurements> {
  if (!examined.ok) return examined;
  const { facts, report } = examined.value;
  const problem = report.load ?? report.traffic;
  if (problem !== undefined) {
    const retryable = problem.reason === "SandboxFailed";
    return { ok: false, error: { reason: problem.reason, message: isSecret ? WITHHELD : problem.message, retryable } };
  }
  const { compileMs, startMs, memoryPages, effects } = report;
  const { size, imports, exports, abi = "" } = facts;
  return ok({ size, compileMs, startMs, memoryPages, imports, exports, abi, effects: isSecret ? [] : effects });
}
