import { digestOf } from "./digest.ts";

/** What a real request to a filter looks like. */
export interface SampleRequest {
  readonly method: string;
  readonly path: string;
  /** In their order; `host` is the authority. */
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body: string;
}

/** How a filter is to be proved, as its author asks. What the sandbox cannot survive is refused whatever this says. */
export interface ProofSettings {
  /** `Report`: what fails requests and harms nothing else is told, and refuses nothing. */
  readonly traffic: "Enforce" | "Report";
  /** They take the place of the synthetic requests. Empty: those. */
  readonly requests: readonly SampleRequest[];
}

export const DEFAULT_PROOF: ProofSettings = { traffic: "Enforce", requests: [] };

/** A word for these settings, other for each others; `undefined` for those of a filter that asks for nothing. */
export function proofId({ traffic, requests }: ProofSettings): string | undefined {
  if (traffic === DEFAULT_PROOF.traffic && requests.length === 0) return undefined;
  const parts = requests.map(({ method, path, headers, body }) => [method, path, headers.map(({ name, value }) => [name, value]), body]);
  return digestOf(JSON.stringify([traffic, parts])).slice("sha256:".length, "sha256:".length + 16);
}
