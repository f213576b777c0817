import { REFRESH } from "../../model/annotations.ts";
import { type Digest, digestOf } from "../../model/digest.ts";
import type { WasmFilter, WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import type { Revision } from "../../model/revision.ts";
import { rememberedDigest } from "./revisions.ts";

/** What a reference stood for when Weir looked at it. */
export interface Look {
  readonly image: string;
  readonly digest: Digest;
}

/** The last look, as `status.resolved` keeps it. Empty: an earlier version looked, or nobody has yet. */
export interface LastLook extends Partial<Look> {
  /** The last value of the annotation that asked for a look and got one. */
  readonly refresh?: string;
}

/** Longest value of the annotation that the status repeats as it is, in characters. */
const LONGEST_ASK = 128;

/** What `weir.dev/refresh` says: every new value asks for one look. */
function askOf({ metadata }: WasmFilter): string | undefined {
  const value = metadata.annotations?.[REFRESH];
  if (value === undefined || value === "") return undefined;
  return value.length > LONGEST_ASK ? digestOf(value) : value;
}

/** The value that asks for a look that was not had yet; `undefined`: nobody asks. */
export function openAsk(object: WasmFilter, { refresh }: LastLook): string | undefined {
  const ask = askOf(object);
  return ask === refresh ? undefined : ask;
}

/** What `status.resolved` says. */
export function lastLookFrom(status: WasmFilterStatus | undefined): LastLook {
  return (status?.resolved ?? {}) as LastLook;
}

/**
 * The digest that a reference keeps with pullPolicy IfNotPresent: that of the last look, while spec.image is what it was then. Where no look is known, that
 * of the history. `undefined`: the reference has to be looked at.
 */
export function keptDigest(image: string, last: LastLook, revisions: readonly Revision[]): Digest | undefined {
  if (last.image === undefined || last.digest === undefined) return rememberedDigest(revisions, image);
  return last.image === image ? last.digest : undefined;
}
