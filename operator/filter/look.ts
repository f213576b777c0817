import { isDeepStrictEqual } from "node:util";
import { REFRESH } from "../../model/annotations.ts";
import { type Digest, digestOf } from "../../model/digest.ts";
import type { Filter, ImageSource, TagPolicy } from "../../model/filter.ts";
import type { WasmFilter, WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import type { Revision } from "../../model/revision.ts";
import { isMeant, taggedImage } from "./version-range.ts";

/** What a reference stood for when Weir looked at it. */
export interface Look {
  /** As the spec has it. */
  readonly image: string;
  readonly digest: Digest;
  /** The policy that chose a tag, and the tag. */
  readonly tagPolicy?: TagPolicy;
  readonly tag?: string;
}

/** A reference with the tag that it was given, and its digest. */
export type Choice = Pick<Look, "image" | "digest">;

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

/** What the status is to keep after a look; `undefined`: there was nothing to look at. `ask`: the value of the annotation that got it. */
export function afterLook({ refresh, ...last }: LastLook, look: Look | undefined, ask: string | undefined): LastLook {
  const obeyed = ask ?? refresh;
  return { ...(look ?? last), ...(obeyed === undefined ? {} : { refresh: obeyed }) };
}

/**
 * What the history says that a reference stood for. With pullPolicy IfNotPresent it is used again without asking the registry, across restarts and wherever the
 * tag has moved.
 */
export function rememberedChoice(source: ImageSource, revisions: readonly Revision[]): Choice | undefined {
  return revisions.findLast(({ image }) => isMeant(source, image));
}

/**
 * What a reference keeps with pullPolicy IfNotPresent: that of the last look, while spec.image and spec.tagPolicy are what they were then. Where no look is
 * known, that of the history. `undefined`: the reference has to be looked at.
 */
export function keptChoice(source: ImageSource, last: LastLook, revisions: readonly Revision[]): Choice | undefined {
  const { image, digest, tag, tagPolicy } = last;
  if (image === undefined || digest === undefined) return rememberedChoice(source, revisions);
  const isSame = image === source.image && isDeepStrictEqual(tagPolicy, source.tagPolicy);
  return isSame ? { image: taggedImage(image, tag), digest } : undefined;
}

/** A folder's name may have a digest in it too. */
const DIGEST_AT_END = /@sha256:[0-9a-f]{64}$/;

/** True where the spec names the digest of its image. */
export function isPinned({ source, pin }: Pick<Filter, "source" | "pin">): boolean {
  return pin !== undefined || (source.kind === "image" && DIGEST_AT_END.test(source.image));
}
