import { LRUCache } from "lru-cache";
import { allowedNames } from "../model/capabilities.ts";
import { digestOf } from "../model/digest.ts";
import { type Metrics, outcomeOf, silentMetrics, TOLD_REASONS } from "../model/metrics.ts";
import { DEFAULT_PROOF, type ProofSettings } from "../model/proof.ts";
import { type Failure, fail, ok, type Result } from "../model/result.ts";
import { DEFAULT_SETTINGS, type PluginSettings } from "../model/settings.ts";
import type { Measurements, Preflight, ValidateOptions } from "../model/verdict.ts";
import type { ModuleFacts } from "./abi/facts.ts";
import { createProverPool, type ProverPool, type TurnOptions } from "./process/pool.ts";
import { LOST, lostAlone, PATIENCE, type ProofLimits, runProof, stopped } from "./process/proof.ts";
import { type Limits, limitsOf, MODULE_DEFAULTS } from "./process/proof-limits.ts";
import { childProvers, type Prover, type Provers } from "./process/prover.ts";
import type { Examination, ExamineRequest } from "./sandbox/examination.ts";
import type { TrialReport } from "./sandbox/trial.ts";
import { verdictKey } from "./verdict-key.ts";

/** Limits of a preflight. The defaults suit an operator. */
export interface PreflightOptions {
  /** Largest module, in bytes. Default 64 MiB. */
  readonly maxModuleBytes?: number;
  /** Most memory that a module may take, in pages of 64 KiB. Default 2048 (128 MiB); Envoy's own bound is 16384. */
  readonly maxMemoryPages?: number;
  /** CPU milliseconds that a module may take to load on a proxy. Default 20 s: a Go module of 3 MB takes 3.5 s. */
  readonly maxLoadMs?: number;
  /** Whether it is measured what a module takes to load on a proxy, once for each module: that takes as long. Default true; else none is refused for that. */
  readonly measuresLoad?: boolean;
  /** Milliseconds for each phase. Default 60 s to compile, 5 s for each of the others. */
  readonly phaseMs?: Partial<ProofLimits["phaseMs"]>;
  /** Proofs at a time, each in a process of its own. Default 3: one namespace has at most 2 of them. */
  readonly concurrency?: number;
  /** Where provers come from. Default: children of this process. */
  readonly provers?: Provers;
  /** Processes started ahead, 50 MiB each. Default 0: each is started when it is needed, in 30 ms. */
  readonly ahead?: number;
  /** Verdicts remembered. Default 256. */
  readonly remembered?: number;
  readonly metrics?: Metrics;
}

const DEFAULTS = {
  ...MODULE_DEFAULTS,
  concurrency: 3,
  ahead: 0,
  measuresLoad: true,
  remembered: 256,
};

const WITHHELD =
  "the module failed; its configuration comes from a Secret, so what it said is not shown; run weir verify with the configuration to see it";

/** Loads remembered, by the digest of the module: a few bytes each. */
const LOADS = 4096;

/** Proves that modules load and survive traffic, before any proxy sees them. Each proof runs in a process of its own: see process/. */
export function createPreflight(options: PreflightOptions = {}): Preflight {
  const prover = createExaminer(options);
  const { metrics = silentMetrics } = options;
  const verdicts = new LRUCache<string, Result<Measurements>>({ max: options.remembered ?? DEFAULTS.remembered });
  return {
    async validate(code, settings, { secretConfig = false, ...rest } = {}) {
      const key = verdictKey(code, settings, secretConfig, rest.namespace ?? "", rest.proof ?? DEFAULT_PROOF);
      const known = verdicts.get(key);
      if (known !== undefined) return known;
      const capabilities = settings.capabilities && allowedNames(settings.capabilities);
      const stop = metrics.start("prove");
      const verdict = verdictOf(await prover.examine(code, { ...settings, capabilities }, rest), secretConfig);
      stop(outcomeOf(verdict));
      const told = verdict.ok ? TOLD_REASONS.find((reason) => reason === verdict.value.told?.reason) : undefined;
      if (told !== undefined) metrics.letThrough(told);
      if (verdict.ok || !verdict.error.retryable) verdicts.set(key, verdict);
      return verdict;
    },
  };
}

/** A verdict in two parts: what Envoy does when it loads the module, and what happens under traffic. */
export interface Trial extends Examination {
  readonly report: TrialReport;
}

/** Examines modules in provers. */
export interface Examiner {
  /** Everything up to the verdict: what Envoy does when it loads the module, and what happens under traffic. `settings.capabilities` are the names as Envoy gets them. */
  examine(code: Uint8Array, settings: PluginSettings, options?: Omit<ValidateOptions, "secretConfig">): Promise<Result<Trial>>;
  /** What is in a module, without running it. With `measureLoad` it is compiled, and `loadMs` says what a proxy pays. */
  inspect(code: Uint8Array, measureLoad?: boolean): Promise<Result<{ readonly facts: ModuleFacts; readonly loadMs: number | undefined }>>;
}

export function createExaminer(options: PreflightOptions = {}): Examiner {
  return new PoolExaminer(options);
}

class PoolExaminer implements Examiner {
  private readonly options: typeof DEFAULTS & PreflightOptions;
  private readonly pool: ProverPool;
  private readonly limits: Limits;
  /** What modules take to load, by digest. A load depends on the code alone. */
  private readonly loads = new LRUCache<string, number>({ max: LOADS });
  /** That it is too much, by namespace and digest: a busy machine takes longer, and whoever keeps it busy refuses nothing for others. */
  private readonly tooSlow = new LRUCache<string, Result<Trial>>({ max: LOADS });
  /** Whose prover was lost: they are proved again alone, by namespace and digest. */
  private readonly suspects = new LRUCache<string, true>({ max: LOADS });
  /** First proofs under way, by namespace and digest: a namespace has a module compiled as Envoy does once, not once a filter. */
  private readonly measuring = new Map<string, Promise<unknown>>();

  constructor(given: PreflightOptions) {
    const options = { ...DEFAULTS, ...given };
    this.options = options;
    this.limits = limitsOf(options);
    const { concurrency, ahead, provers } = options;
    this.pool = createProverPool({ size: concurrency, ahead, bounds: this.limits.bounds, provers });
  }

  async examine(code: Uint8Array, settings: PluginSettings, options: ValidateOptions = {}): Promise<Result<Trial>> {
    const digest = digestOf(code);
    const place = `${options.namespace ?? ""} ${digest}`;
    const first = this.measuring.get(place);
    if (first !== undefined) await first;
    const refused = this.tooSlow.get(place);
    if (refused !== undefined) return refused;
    const proof = this.proveTrial(code, digest, settings, options);
    if (this.loads.has(digest) || this.measuring.has(place)) return proof;
    this.measuring.set(place, proof);
    return proof.finally(() => this.measuring.delete(place));
  }

  private async proveTrial(
    code: Uint8Array,
    digest: string,
    settings: PluginSettings,
    { signal, namespace = "", proof = DEFAULT_PROOF, later = false }: ValidateOptions,
  ): Promise<Result<Trial>> {
    const load = this.loads.get(digest);
    const request = {
      ...this.request(settings, proof),
      kind: "trial",
      measureLoad: this.options.measuresLoad && load === undefined,
    } as const;
    const place = `${namespace} ${digest}`;
    const alone = this.suspects.get(place) ?? false;
    const found = await this.prove(code, request, namespace, { signal, alone, later });
    const isLost = !found.ok && found.error.reason === LOST;
    if (isLost && !alone) this.suspects.set(place, true);
    // A prover that could not be had says nothing: the module is still to be proved alone.
    else if (found.ok || !found.error.retryable || isLost) this.suspects.delete(place);
    if (isLost && alone) return lostAlone();
    if (!found.ok) {
      if (found.error.reason === "LoadTooSlow") this.tooSlow.set(place, found);
      return found;
    }
    const loadMs = load ?? found.value.loadMs;
    if (loadMs !== undefined) this.loads.set(digest, loadMs);
    const { facts, report } = found.value;
    return report === undefined ? fail("SandboxFailed", "the prover ran no trial") : ok({ facts, report, loadMs });
  }

  inspect(code: Uint8Array, measureLoad = false): Promise<Result<Examination>> {
    return this.prove(code, { ...this.request(DEFAULT_SETTINGS, DEFAULT_PROOF), kind: "facts", measureLoad });
  }

  private request(settings: PluginSettings, { traffic, requests }: ProofSettings): Omit<ExamineRequest, "kind" | "measureLoad"> {
    const { type, config, configBytes, rootId, env, capabilities = [], allowOnHeadersStopIteration = false } = settings;
    const plugin = { type, config, configBytes, rootId, env, capabilities, allowOnHeadersStopIteration };
    return { ...plugin, traffic, requests, maxPages: this.options.maxMemoryPages };
  }

  private async prove(code: Uint8Array, request: ExamineRequest, namespace = "", options: TurnOptions = {}) {
    const tooLarge = this.checkSize(code);
    if (tooLarge !== undefined) return { ok: false, error: tooLarge } as const;
    const limits = later(this.limits.of(code.length), this.options.provers?.delayMs ?? childProvers.delayMs);
    const proof = (prover: Prover) => runProof(prover, request, code, limits, { signal: options.signal });
    return (await this.pool.run(namespace, proof, options)) ?? stopped();
  }

  private checkSize(code: Uint8Array): Failure | undefined {
    const { maxModuleBytes } = this.options;
    if (code.length <= maxModuleBytes) return undefined;
    return fail("ModuleTooLarge", `the module has ${code.length} bytes; the limit is ${maxModuleBytes}`).error;
  }
}

/** The same limits for a prover whose words come so much later, and which is watched where it is: there its patience may be used up. */
function later(limits: ProofLimits, ms: number): ProofLimits {
  if (ms === 0) return limits;
  const phases = Object.entries(limits.phaseMs).map(([phase, time]) => [phase, PATIENCE * time + ms]);
  return { ...limits, phaseMs: Object.fromEntries(phases) as ProofLimits["phaseMs"] };
}

/** With a configuration from a Secret nothing that the module said leaves: it may have turned the text into any other, which nobody can find again. */
function verdictOf(examined: Result<Trial>, isSecret: boolean): Result<Measurements> {
  if (!examined.ok) return examined;
  const { facts, report, loadMs } = examined.value;
  const problem = report.load ?? report.traffic;
  if (problem !== undefined) return fail(problem.reason, isSecret ? WITHHELD : problem.message);
  const { compileMs, startMs, memoryPages, effects } = report;
  const { size, imports, exports, abi = "" } = facts;
  const told = report.told === undefined ? {} : { told: { ...report.told, ...(isSecret ? { message: WITHHELD } : {}) } };
  return ok({ size, compileMs, startMs, loadMs, memoryPages, imports, exports, abi, effects: isSecret ? [] : effects, ...told });
}
