import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { abiOf, factsOf, type ModuleFacts } from "../abi/facts.ts";
import { checkHazards, checkLoadable } from "../abi/loadable.ts";
import { readWasm, type WasmBinary } from "../binary/binary.ts";
import { boundMemory } from "../binary/bound.ts";
import { compile } from "./compile.ts";
import { type Phase, runTrial, type TrialReport, type TrialSettings } from "./trial.ts";

/** What a prover is asked about a module. */
export interface ExamineRequest extends TrialSettings {
  /** `facts`: read it, and compile it when `measureLoad` says so. `trial`: run it too. */
  readonly kind: "facts" | "trial";
}

/** What a prover found. */
export interface Examination {
  readonly facts: ModuleFacts;
  /** In two parts: what Envoy does when it loads the module, and what happens under traffic. `undefined`: only the facts were asked for. */
  readonly report: TrialReport | undefined;
  /** CPU milliseconds that each proxy spends on loading the module; `undefined`: not measured. */
  readonly loadMs: number | undefined;
}

/** Reads the module, refuses what Envoy refuses without running it, and runs the rest. In this process: a prover, which has no rights. */
export function runExamination(code: Uint8Array, request: ExamineRequest, enter: (phase: Phase) => void): Result<Examination> {
  enter("read");
  const read = readWasm(code);
  if (!read.ok) return read;
  const facts = factsOf(code, read.value);
  if (request.kind === "facts") return readFacts(code, read.value, facts, request, enter);
  const loadable = checkLoadable(code, read.value, abiOf(read.value), request.capabilities);
  if (!loadable.ok) return loadable;
  const memory = checkStart(read.value, request.maxPages);
  if (memory !== undefined) return { ok: false, error: memory };
  const report = runTrial({ ...request, code, binary: read.value, abi: loadable.value, name: "preflight" }, enter);
  const hazard = report.load === undefined && report.traffic === undefined ? checkHazards(read.value) : undefined;
  return ok({ facts, report: hazard === undefined ? report : { ...report, traffic: hazard }, loadMs: report.loadMs });
}

function readFacts(
  code: Uint8Array,
  binary: WasmBinary,
  facts: ModuleFacts,
  { maxPages, measureLoad }: ExamineRequest,
  enter: (phase: Phase) => void,
): Result<Examination> {
  const problem = facts.problem ?? (measureLoad ? checkStart(binary, maxPages) : undefined);
  if (problem !== undefined || !measureLoad) return ok({ facts, report: undefined, loadMs: undefined });
  enter("compile");
  const compiled = compile(boundMemory(code, binary, maxPages), true);
  if (!compiled.ok) return ok({ facts: { ...facts, problem: compiled.error }, report: undefined, loadMs: undefined });
  return ok({ facts, report: undefined, loadMs: compiled.value.loadMs });
}

/** Elements that all tables of a module may start with: as many as V8 lets it have functions. Each takes the heap 30 bytes. */
const MAX_TABLE_ELEMENTS = 1_000_000;

/** What it takes before any of its code runs. The engine's bounds hold for each memory and table; these hold for all of them. */
function checkStart({ memories, tableElements }: WasmBinary, maxPages: number): Failure | undefined {
  const pages = memories.reduce((sum, { min }) => sum + min, 0);
  if (pages > maxPages) return fail("MemoryLimit", `the module starts with ${pages} pages of memory; the limit is ${maxPages}`).error;
  if (tableElements <= MAX_TABLE_ELEMENTS) return undefined;
  return fail("MemoryLimit", `the module's tables start with ${tableElements} elements; the limit is ${MAX_TABLE_ELEMENTS}`).error;
}
