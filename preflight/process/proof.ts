import { fail, failForNow, type Result } from "../../model/result.ts";
import type { Examination, ExamineRequest } from "../sandbox/examination.ts";
import type { Phase } from "../sandbox/trial.ts";
import { type Message, PHASES, readMessage } from "./answer.ts";
import type { Usage } from "./bounds.ts";
import type { End, Prover } from "./prover.ts";

export interface ProofLimits {
  /** Milliseconds for each phase: of CPU time, where that can be seen, and up to `PATIENCE` times as long by the clock; else by the clock. */
  readonly phaseMs: Readonly<Record<Phase, number>>;
  /** CPU milliseconds that a module may take to load as Envoy loads it. */
  readonly maxLoadMs: number;
  /** Resident memory of the prover, in MiB. */
  readonly residentMb: number;
}

const DOING: Readonly<Record<Phase, string>> = {
  read: "reading",
  compile: "compilation",
  start: "its start functions",
  configure: "creation and configuration (proxy_on_context_create, proxy_on_vm_start, proxy_on_configure)",
  traffic: "the requests of the proof",
};

/** Time for a prover to start and to take the module over. */
const BOOT_MS = 30_000;
/** How many times as long as its CPU time a phase may take by the clock, where others keep the processor busy. */
export const PATIENCE = 4;
/** How often a prover's memory and CPU time are looked at. A looking takes 0.05 ms. */
const WATCH_MS = 10;

/** Who wants the proof. */
export interface ProofHooks {
  /** Ends the proof, which then has no verdict. */
  readonly signal?: AbortSignal | undefined;
  /** Called as each phase begins. */
  readonly onPhase?: ((phase: Phase) => void) | undefined;
  /** Called every few milliseconds where it can be seen what the prover takes. */
  readonly onUsage?: ((usage: Usage) => void) | undefined;
}

/**
 * Runs one proof in a prover and ends the prover, whatever happens: by its answer, or by SIGKILL when a phase takes too long, when it takes more memory
 * or CPU time than it may, or when `signal` fires. The death of a prover is a verdict about the module: a proxy would die of it too.
 */
export function runProof(
  prover: Prover,
  request: ExamineRequest,
  code: Uint8Array,
  limits: ProofLimits,
  hooks: ProofHooks = {},
): Promise<Result<Examination>> {
  if (hooks.signal?.aborted) {
    prover.kill();
    return Promise.resolve(stopped());
  }
  return new Promise((resolve) => new Proof(prover, request, limits, hooks, resolve).start(code));
}

class Proof {
  private readonly prover: Prover;
  private readonly request: ExamineRequest;
  private readonly limits: ProofLimits;
  private readonly hooks: ProofHooks;
  private readonly resolve: (result: Result<Examination>) => void;
  private phase: Phase | undefined;
  /** CPU time of the prover when it began to compile. */
  private compileFrom = 0;
  /** Counts the phases, so that a timer knows whether its own is over. */
  private stage = 0;
  private timer: NodeJS.Timeout | undefined;
  private watch: NodeJS.Timeout | undefined;
  private readonly abort = (): void => this.finish(stopped());

  constructor(
    prover: Prover,
    request: ExamineRequest,
    limits: ProofLimits,
    hooks: ProofHooks,
    resolve: (result: Result<Examination>) => void,
  ) {
    this.prover = prover;
    this.request = request;
    this.limits = limits;
    this.hooks = hooks;
    this.resolve = resolve;
  }

  start(code: Uint8Array): void {
    this.prover.listen(
      (header) => this.hear(readMessage(header)),
      (end) => this.finish(deathOf(end, this.phase)),
    );
    this.hooks.signal?.addEventListener("abort", this.abort);
    this.expect(BOOT_MS);
    this.watch = setInterval(() => this.look(), WATCH_MS);
    if (this.prover.hasEnded) this.finish(failForNow("SandboxFailed", "the prover ended before it was asked"));
    else this.prover.send({ ...this.request, maxLoadMs: this.limits.maxLoadMs }, code);
  }

  private hear(message: Message | undefined): void {
    if (message?.kind === "ready" && this.phase === undefined) return;
    if (message?.kind === "phase" && isAfter(message.phase, this.phase)) this.enter(message.phase);
    else this.finish(this.judge(message));
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    this.hooks.onPhase?.(phase);
    if (phase === "compile") this.compileFrom = this.prover.usage()?.cpuMs ?? 0;
    this.expect(this.limits.phaseMs[phase], PATIENCE);
  }

  private judge(message: Message | undefined): Result<Examination> {
    // Each phase comes once and in order: else it would have its time again and again.
    if (message === undefined || message.kind === "ready" || message.kind === "phase")
      return fail("SandboxFailed", `the prover said what is no answer in ${doing(this.phase)}`);
    if (message.kind === "failed") return fail("SandboxFailed", `the proof failed in ${doing(this.phase)}: ${message.message}`);
    if (message.kind === "later") return { ok: false, error: message.failure };
    const { result } = message;
    // A load that nobody could watch from outside is judged by what it took.
    const took = result.ok ? (result.value.loadMs ?? 0) : 0;
    return took > this.limits.maxLoadMs ? tooSlow(this.limits.maxLoadMs) : result;
  }

  private look(): void {
    const usage = this.prover.usage();
    if (usage === undefined) return;
    this.hooks.onUsage?.(usage);
    const { residentMb, maxLoadMs } = this.limits;
    const isLoading = this.phase === "compile" && this.request.measureLoad;
    if (usage.residentMb > residentMb) this.finish(tooLarge(usage.residentMb, residentMb, this.phase));
    else if (isLoading && usage.cpuMs - this.compileFrom > maxLoadMs) this.finish(tooSlow(maxLoadMs));
  }

  private expect(ms: number, patience = 1): void {
    clearTimeout(this.timer);
    const expected = ++this.stage;
    const from = this.prover.usage()?.cpuMs ?? 0;
    let left = patience;
    const late = (): void => {
      if (expected !== this.stage) return;
      left -= 1;
      // A module that waits for a processor is not one that hangs.
      const isStarved = (this.prover.usage()?.cpuMs ?? Number.POSITIVE_INFINITY) - from < ms;
      if (left === 0 || !isStarved) this.finish(timeout(this.phase, ms));
      else wait();
    };
    // When this thread was busy, the timer may fire before messages that have already arrived: handle those first.
    const wait = (): void => {
      this.timer = setTimeout(() => setImmediate(late), ms);
    };
    wait();
  }

  private finish(result: Result<Examination>): void {
    clearTimeout(this.timer);
    clearInterval(this.watch);
    this.stage += 1;
    this.hooks.signal?.removeEventListener("abort", this.abort);
    this.prover.listen(
      () => undefined,
      () => undefined,
    );
    this.prover.kill();
    this.resolve(result);
  }
}

function isAfter(phase: Phase, before: Phase | undefined): boolean {
  return before === undefined || PHASES.indexOf(phase) > PHASES.indexOf(before);
}

function doing(phase: Phase | undefined): string {
  return phase === undefined ? "its start" : DOING[phase];
}

export function stopped(): Result<never> {
  return failForNow("Stopped", "preflight was stopped before it came to a verdict");
}

function tooSlow(maxLoadMs: number): Result<never> {
  const message = `the module takes more than ${maxLoadMs / 1000} s of CPU to load, and each proxy would spend that; make it smaller, or raise --max-module-load`;
  return fail("LoadTooSlow", message);
}

function tooLarge(took: number, limit: number, phase: Phase | undefined): Result<never> {
  const message = `the module made its prover take ${Math.round(took)} MiB of memory in ${doing(phase)}; the limit is ${limit} MiB`;
  return fail("MemoryLimit", message);
}

function timeout(phase: Phase | undefined, ms: number): Result<never> {
  if (phase === undefined) return failForNow("SandboxFailed", `the prover did not start within ${ms} ms`);
  return fail("Timeout", `the module was stopped after ${ms} ms in ${DOING[phase]}: an endless loop would hang the proxy`);
}

const OUT_OF_MEMORY = /out of memory|Allocation failed|allocation failure|invalid (?:array|table) (?:length|size)/i;

/** There is no verdict, and the module may be why: it is to be proved again with no other beside it. */
export const LOST = "ProverLost";

/** What the end of a prover says about the module. Before it took the module over, it says nothing. */
export function deathOf(end: End, phase: Phase | undefined): Result<never> {
  const when = `in ${doing(phase)}`;
  if ("loss" in end)
    return phase === undefined
      ? failForNow("ProverUnavailable", end.loss)
      : failForNow(LOST, `${end.loss} ${when}; the module is proved again, with no other beside it`);
  const { code, signal, words } = end;
  const how = signal === null ? `with status ${code}` : `by ${signal}`;
  if (phase === undefined) return failForNow("SandboxFailed", `the prover ended ${how} before it read the module`);
  if (signal === "SIGXCPU") return fail("Timeout", `the module took all the CPU time of its proof ${when}`);
  if (OUT_OF_MEMORY.test(words))
    return fail("MemoryLimit", `the module made V8 run out of memory ${when}: the proof ended ${how}, and a proxy would too`);
  if (signal === "SIGKILL" || signal === "SIGTERM")
    return failForNow(LOST, `the prover was ended ${how} from outside ${when}; the machine may be short of memory`);
  return fail("ProverDied", `the module ended its own proof ${how} ${when}; it could end a proxy the same way`);
}

/** The verdict about a module whose prover was lost a second time, when nothing else was proved. */
export function lostAlone(): Result<never> {
  const why = "the prover was lost twice during the proof of this module, the second time with no other proof beside it";
  return fail("ProverDied", `${why}; it may take more memory than the prover has: make it smaller, or give the prover more`);
}
