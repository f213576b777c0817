import type { LogLine } from "../../preflight/index.ts";
import type { Case, ExchangeStep, Expectation, Step } from "./case.ts";
import { compare } from "./compare.ts";
import type { Mismatch } from "./compare-message.ts";
import type { CaseHost, Observed, Running, Trap } from "./observed.ts";
import type { CaseFailure, TestResult } from "./result.ts";
import { unexpected } from "./strict.ts";

export interface RunOptions {
  /** What a filter does and its case does not name fails the case. */
  readonly isStrict?: boolean;
  /** Told of each step before it happens. */
  readonly onBegin?: (step: Step) => void;
  /** Told of what came of each step. */
  readonly onStep?: (observed: Observed) => void;
  /** What is taken in the place of what came of each step. */
  readonly adjust?: (observed: Observed, index: number) => Observed;
}

/** Runs one case. What the filter does never throws; a host that cannot go on does. */
export async function runCase(one: Case, host: CaseHost, options: RunOptions = {}): Promise<TestResult> {
  const began = performance.now();
  const common = { file: one.file, line: one.line, name: one.name };
  const reason = host.cannot(one.setup, one.steps, one.callouts);
  if (reason !== undefined) return { ...common, outcome: "skipped", duration: 0, reason };
  const running = await host.start(one.setup, one.callouts);
  try {
    const failure = await new CaseRun(one, running, options).run();
    const duration = performance.now() - began;
    return failure === undefined ? { ...common, outcome: "passed", duration } : { ...common, outcome: "failed", duration, failure };
  } finally {
    await running.stop();
  }
}

class CaseRun {
  private readonly one: Case;
  private readonly running: Running;
  private readonly options: RunOptions;
  private readonly logs: LogLine[] = [];
  private readonly mismatches: Mismatch[] = [];
  private trap: Trap | undefined;
  private judged = 0;

  constructor(one: Case, running: Running, options: RunOptions) {
    this.one = one;
    this.running = running;
    this.options = options;
  }

  /** Goes on until the first step that is not as expected: what comes after it would tell little. */
  async run(): Promise<CaseFailure | undefined> {
    const { one, running } = this;
    const { start } = one;
    this.judgeStart(start?.isRefused ?? false);
    // A trap may be why it is refused.
    const seen = start?.isRefused && running.refused !== undefined ? { ...running.start, trap: undefined } : running.start;
    if (start !== undefined) await this.judge(seen, start.expect, start.line);
    else if (running.refused === undefined) await this.runSteps();
    const { mismatches, logs, trap } = this;
    return mismatches.length === 0 ? undefined : { mismatches, logs, trap };
  }

  private judgeStart(isRefused: boolean): void {
    const { refused } = this.running;
    if (isRefused === (refused !== undefined)) return;
    const line = this.one.start?.line ?? this.one.line;
    const [expected, got] = isRefused ? ["the filter does not start", "it started"] : ["the filter starts", `it is refused: ${refused}`];
    this.mismatches.push({ path: "start", line, expected, got });
  }

  private async runSteps(): Promise<void> {
    // What happened while it started counts to the first step.
    let before: Observed | undefined = this.running.start;
    for (const step of this.one.steps) {
      this.options.onBegin?.(step);
      const observed = await this.running.run(step);
      const got: Observed = before === undefined ? observed : withStart(before, observed);
      before = undefined;
      await this.judge(got, step.expect, step.line, step.kind === "exchange" ? step : undefined);
      if (this.mismatches.length > 0) return;
    }
  }

  private async judge(seen: Observed, expect: Expectation, line: number, sent?: ExchangeStep): Promise<void> {
    const got = this.options.adjust?.(seen, this.judged) ?? seen;
    this.judged += 1;
    this.options.onStep?.(got);
    this.logs.push(...got.logs);
    this.trap ??= got.trap;
    const shared = new Map<string, string | undefined>();
    for (const { name } of expect.sharedData ?? []) {
      const bytes = await this.running.sharedData(name);
      shared.set(name, bytes && Buffer.from(bytes).toString("utf8"));
    }
    const found = [...compare(expect, got, shared), ...(this.options.isStrict ? unexpected(expect, got, sent) : [])];
    this.mismatches.push(...found.map((mismatch) => (mismatch.line === 0 ? { ...mismatch, line } : mismatch)));
  }
}

function withStart(start: Observed, first: Observed): Observed {
  return {
    ...first,
    logs: [...start.logs, ...first.logs],
    callouts: [...start.callouts, ...first.callouts],
    remarks: [...start.remarks, ...first.remarks],
    trap: start.trap ?? first.trap,
    isTimed: start.isTimed || first.isTimed,
  };
}
