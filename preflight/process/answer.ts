import type { Failure, Result } from "../../model/result.ts";
import type { ProofProblem } from "../../model/verdict.ts";
import type { ModuleFacts } from "../abi/facts.ts";
import type { Examination } from "../sandbox/examination.ts";
import type { Phase, TrialReport } from "../sandbox/trial.ts";

/** What a prover says. */
export type Message =
  | { readonly kind: "ready" }
  | { readonly kind: "phase"; readonly phase: Phase }
  | { readonly kind: "result"; readonly result: Result<Examination> }
  | { readonly kind: "failed"; readonly message: string }
  /** There is no verdict for now. Only who starts provers for others says so. */
  | { readonly kind: "later"; readonly failure: Failure };

/** In the order in which a proof goes through them. */
export const PHASES: readonly Phase[] = ["read", "compile", "start", "configure", "traffic"];
const ABIS = ["0.1.0", "0.2.0", "0.2.1"] as const;
/** Longest list and text that is taken over; facts.ts stays below both. */
const MAX_LIST = 1000;
const MAX_TEXT = 4096;

/**
 * Reads a message of a prover. Whoever broke out of V8 writes it, so nothing is believed: each field is copied after it was seen to have its type.
 * `undefined`: this is no message.
 */
export function readMessage(header: unknown): Message | undefined {
  try {
    const fields = record(header);
    if (fields.ready === true) return { kind: "ready" };
    if (fields.phase !== undefined) return { kind: "phase", phase: oneOf(PHASES, fields.phase) };
    if (fields.failed !== undefined) return { kind: "failed", message: text(fields.failed) };
    if (fields.later !== undefined) return { kind: "later", failure: { ...problemOf(record(fields.later)), retryable: true } };
    return { kind: "result", result: resultOf(record(fields.result)) };
  } catch (error) {
    if (error instanceof UnexpectedShape) return undefined;
    throw error;
  }
}

class UnexpectedShape extends Error {}

type Fields = Readonly<Record<string, unknown>>;

function resultOf(fields: Fields): Result<Examination> {
  if (fields.ok !== true) return { ok: false, error: failureOf(record(fields.error)) };
  const { facts, report, loadMs } = record(fields.value);
  return {
    ok: true,
    value: { facts: factsOf(record(facts)), report: optional(report, (value) => reportOf(record(value))), loadMs: optional(loadMs, size) },
  };
}

function factsOf(fields: Fields): ModuleFacts {
  const memory = optional(fields.memory, record);
  return {
    size: size(fields.size),
    abi: optional(fields.abi, (value) => oneOf(ABIS, value)),
    imports: list(fields.imports, text),
    exports: list(fields.exports, text),
    capabilities: list(fields.capabilities, text),
    memory: memory && { initialPages: size(memory.initialPages), maximumPages: optional(memory.maximumPages, size) },
    hasStart: fields.hasStart === true,
    customSections: list(fields.customSections, (value) => {
      const section = record(value);
      return { name: text(section.name), size: size(section.size) };
    }),
    problem: optional(fields.problem, (value) => failureOf(record(value))),
  };
}

function reportOf(fields: Fields): TrialReport {
  return {
    load: optional(fields.load, (value) => problemOf(record(value))),
    traffic: optional(fields.traffic, (value) => problemOf(record(value))),
    told: optional(fields.told, (value) => problemOf(record(value))),
    compileMs: size(fields.compileMs),
    startMs: size(fields.startMs),
    loadMs: optional(fields.loadMs, size),
    memoryPages: size(fields.memoryPages),
    effects: list(fields.effects, text),
    answers: list(fields.answers, (value) => optional(value, size)),
  };
}

function problemOf({ reason, message }: Fields): ProofProblem {
  return { reason: word(reason), message: text(message) };
}

/** What a module does wrong does not go away by itself: a result is never `retryable`. */
function failureOf(fields: Fields): Failure {
  return { ...problemOf(fields), retryable: false };
}

function record(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new UnexpectedShape();
  return value as Fields;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new UnexpectedShape();
  return value.slice(0, MAX_TEXT);
}

/** A word that is fit for a condition's reason. */
function word(value: unknown): string {
  const found = text(value);
  if (!/^[A-Za-z]{1,64}$/.test(found)) throw new UnexpectedShape();
  return found;
}

function size(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) throw new UnexpectedShape();
  return value;
}

function list<T>(value: unknown, read: (item: unknown) => T): T[] {
  if (!Array.isArray(value) || value.length > MAX_LIST) throw new UnexpectedShape();
  return value.map(read);
}

/** JSON leaves `undefined` out of objects and writes it as null into lists. */
function optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === undefined || value === null ? undefined : read(value);
}

function oneOf<T extends string>(values: readonly T[], value: unknown): T {
  const found = values.find((known) => known === value);
  if (found === undefined) throw new UnexpectedShape();
  return found;
}
