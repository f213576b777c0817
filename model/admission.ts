import type { FilterKey } from "./filter.ts";
import type { Fields } from "./kube.ts";
import type { SignedBy } from "./verify.ts";

/** A WasmFilter that somebody asks the API server to store. */
export interface AdmissionRequest {
  readonly key: FilterKey;
  /** As it would be stored. Raw: it may be wrong in any way. */
  readonly object: Fields;
  /** As it is stored now; `undefined`: it would be created. */
  readonly before: Fields | undefined;
}

/** One reason not to store an object. */
export interface Refusal {
  /** Where, as kubectl writes it: `spec.digest`. Empty: the object as a whole. */
  readonly path: string;
  /** What is wrong and what to do, as a condition of the status would say it. */
  readonly message: string;
}

export interface AdmissionVerdict {
  /** Empty: it may be stored. */
  readonly refusals: readonly Refusal[];
  /** All of them as one text, as a condition of the status would hold it. Empty where there are none. */
  readonly message: string;
  /** What who stores it should know, a line each. */
  readonly warnings: readonly string[];
  /** Who signed the image, of what is demanded. Empty: nothing is demanded, or it is not signed, of which a warning tells. */
  readonly signatures: readonly SignedBy[];
}

/**
 * Says what the server would make of a WasmFilter before it is stored. A service to people: whatever it lets through is judged again, and nothing is safe because
 * of it. Changes nothing anywhere. Answers within `ADMISSION_MS`, and never rejects: what could not be found out in time is a warning.
 */
export interface Admission {
  judge(request: AdmissionRequest): Promise<AdmissionVerdict>;
}

/** Milliseconds that a verdict may take, whatever registries do. */
export const ADMISSION_MS = 1_000;
