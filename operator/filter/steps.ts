import type { ConditionType } from "../../model/condition.ts";

/**
 * Where a step runs. `loop`: in the reconcile itself, at once. The others are tasks, which wait for an API server, a registry or the sandbox: they run
 * beside the loop, and the filter is reconciled again when one is done. Nothing that is slow holds up a step back.
 */
export type Runs = "loop" | "recall" | "acquire" | "write";

/** One step of a reconcile. */
interface StepRow {
  readonly name: string;
  readonly runs: Runs;
  /** The conditions that it decides, in the order in which a status shows them. */
  readonly decides: readonly ConditionType[];
  /** Whether the filter is Ready only when this step passed. */
  readonly blocksReady: boolean;
}

/**
 * A reconcile in its order: a step needs every step above it to have passed. This is the one place that knows the order of the steps, the stages at which
 * a filter can stop, and which condition says so.
 */
export const STEPS = [
  { name: "parse", runs: "loop", decides: ["Accepted"], blocksReady: true },
  { name: "recall", runs: "recall", decides: [], blocksReady: false },
  { name: "permit", runs: "acquire", decides: ["Permitted"], blocksReady: true },
  { name: "configure", runs: "acquire", decides: ["Accepted"], blocksReady: true },
  { name: "resolve", runs: "acquire", decides: ["Resolved"], blocksReady: true },
  { name: "verify", runs: "acquire", decides: ["Verified"], blocksReady: true },
  { name: "prove", runs: "acquire", decides: ["Validated"], blocksReady: true },
  { name: "record", runs: "write", decides: ["Resolved"], blocksReady: true },
  { name: "rollOut", runs: "loop", decides: ["Programmed", "Progressing", "RolledBack"], blocksReady: true },
  { name: "assign", runs: "loop", decides: [], blocksReady: false },
  { name: "report", runs: "write", decides: ["Ready", "Reconciling", "Stalled"], blocksReady: false },
] as const satisfies readonly StepRow[];

export type StepName = (typeof STEPS)[number]["name"];

/** A step at which a filter can stop with an error of its own, from its spec to a recorded revision. */
export type Stage = Extract<StepName, "parse" | "permit" | "configure" | "resolve" | "verify" | "prove" | "record">;

/** Every condition once, in the order in which a status shows them. */
export const CONDITIONS: readonly ConditionType[] = [...new Set(STEPS.flatMap(({ decides }) => decides))];

const LAST_STAGE = STEPS.findIndex(({ name }) => name === "record");

/** The conditions of the stages that a filter must get past to be Ready: from its spec to a recorded revision. */
export const STAGE_CONDITIONS: readonly ConditionType[] = [
  ...new Set(STEPS.filter(({ blocksReady }, index) => blocksReady && index <= LAST_STAGE).flatMap(({ decides }) => decides)),
];

/** The condition that is False when a filter stopped at this stage. */
export function conditionOf(stage: Stage): ConditionType {
  const row = STEPS.find((step): step is Extract<(typeof STEPS)[number], { name: Stage }> => step.name === stage);
  if (row === undefined) throw new Error(`no step is named ${stage}`);
  return row.decides[0];
}

/** Where a stage stands in the order. */
export function orderOf(stage: Stage): number {
  return STEPS.findIndex(({ name }) => name === stage);
}
