import type { Refusal } from "../../model/admission.ts";
import type { Filter } from "../../model/filter.ts";
import type { WasmFilter, WasmFilterSpec } from "../../model/gen/wasmfilter.ts";
import type { SignedBy } from "../../model/verify.ts";
import type { FilterRecord } from "../filter/record.ts";

/** The WasmFilter that is judged. */
export interface Subject {
  /** Parsed: what does not parse is refused before any check. */
  readonly filter: Filter;
  readonly object: WasmFilter;
  /** As it is stored now; `undefined`: it would be created. */
  readonly before: WasmFilter | undefined;
  /** What the operator knows of the one that is stored; `undefined`: there is none, or it has not been read yet. */
  readonly record: FilterRecord | undefined;
  /** Names of the fields of the spec that differ from `before`, defaults filled in. All that it has, where it would be created. */
  readonly changed: ReadonlySet<string>;
}

export interface Findings {
  readonly refusals?: readonly Refusal[];
  readonly warnings?: readonly string[];
  /** Of those that are demanded, the ones that hold. */
  readonly signatures?: readonly SignedBy[];
}

/** One thing that is looked at. */
export interface AdmissionCheck {
  /**
   * Fields of the spec that it judges. Where none of them changed it does not run: what was stored before is told by the status, and must never be in the way of a
   * change of something else (a suspension, a rollout).
   */
  readonly fields: readonly (keyof WasmFilterSpec)[];
  /** What is said where the time is over before it is done. */
  readonly late?: string;
  /** `signal`: when the time is over. May reject: that is logged, and it found nothing. */
  judge(subject: Subject, signal: AbortSignal): Findings | Promise<Findings>;
}
