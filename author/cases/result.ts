import type { LogLine } from "../../preflight/index.ts";
import type { Mismatch } from "./compare-message.ts";
import type { Trap } from "./observed.ts";

/** How a test ended: a case of a file, or a test in TypeScript. */
export interface TestResult {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Milliseconds. */
  readonly duration: number;
  /** Why it was skipped. */
  readonly reason?: string;
  /** What a reader should know of one that passed. */
  readonly note?: string;
  /** Of a failed one. */
  readonly failure?: CaseFailure;
}

export interface CaseFailure {
  readonly mismatches: readonly Mismatch[];
  /** What the filter logged until then. */
  readonly logs: readonly LogLine[];
  readonly trap: Trap | undefined;
  /** Of a test in TypeScript: what it threw, with its stack. */
  readonly text?: string;
}

/** `3 passed, 1 failed`. */
export function summary(results: readonly TestResult[]): string {
  const number = (outcome: TestResult["outcome"]) => results.filter((result) => result.outcome === outcome).length;
  const parts = (["passed", "failed", "skipped"] as const).map((outcome) => [number(outcome), outcome] as const);
  return parts
    .filter(([count, outcome]) => count > 0 || outcome === "passed")
    .map(([count, outcome]) => `${count} ${outcome}`)
    .join(", ");
}
