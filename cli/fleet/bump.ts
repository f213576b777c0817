import { findCondition } from "../../model/condition.ts";
import type { LabelSelector } from "../../model/filter.ts";
import { API_VERSION, KIND, type WasmFilter } from "../../model/gen/wasmfilter.ts";
import { ok, type Result } from "../../model/result.ts";
import { selects } from "../../model/selector.ts";
import { usage } from "../args/usage.ts";

/** An image that filters may be on. */
export interface Base {
  /** Registry and path, in full. */
  readonly repository: string;
  /** `undefined`: any. */
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** Reads the repository, tag and digest of a reference; `undefined` where it is none. */
export type ReadImage = (image: string) => Base | undefined;

/** The filters whose spec is on this image, or that are pinned to its digest, of those that the selector takes by their own labels. */
export function filtersOn(
  base: Base,
  selector: LabelSelector | undefined,
  filters: readonly WasmFilter[],
  read: ReadImage,
): readonly WasmFilter[] {
  return filters.filter(({ metadata, spec }) => {
    if (selector !== undefined && !selects(selector, metadata.labels ?? {})) return false;
    const image = spec.image === undefined ? undefined : read(spec.image);
    if (image?.repository !== base.repository) return false;
    if (base.digest !== undefined) return (spec.digest ?? image.digest) === base.digest;
    return base.tag === undefined || image.tag === base.tag;
  });
}

/** The object as it would be: on the other image, and no longer pinned. Without what is the server's to say. */
export function moved({ metadata, spec }: WasmFilter, image: string): WasmFilter {
  const { digest: _, ...rest } = spec;
  const { name, namespace, labels, annotations } = metadata;
  return {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(labels !== undefined && { labels }),
      ...(annotations !== undefined && { annotations }),
    },
    spec: { ...rest, image },
  };
}

/** Splits `1,25%,100%` of `count` filters: how many each wave has. The last one takes the rest. */
export function readWaves(text: string, count: number): Result<readonly number[]> {
  const sizes: number[] = [];
  let taken = 0;
  for (const part of text.split(",")) {
    const [, digits, percent] = /^\s*(\d{1,6})(%?)\s*$/.exec(part) ?? [];
    const value = Number(digits);
    if (digits === undefined || value === 0 || (percent === "%" && value > 100))
      return usage(`--waves is how many filters are moved by the end of each wave, such as 1,25%,100%, not "${text}"`);
    const upTo = Math.min(count, percent === "%" ? Math.ceil((count * value) / 100) : value);
    if (upTo > taken) sizes.push(upTo - taken);
    taken = Math.max(taken, upTo);
  }
  return ok(taken < count ? [...sizes, count - taken] : sizes);
}

/** How a filter stands after it was moved, by its status. `message`: why it failed, or what it waits for. */
export interface Standing {
  readonly kind: "done" | "waiting" | "failed";
  readonly message: string;
}

/** Done: its revision is in force and no longer watched. A status of an earlier spec says nothing. */
export function standingOf({ metadata, status }: WasmFilter): Standing {
  if (status?.observedGeneration === undefined || status.observedGeneration !== metadata.generation)
    return { kind: "waiting", message: "Weir has not seen it yet" };
  const stalled = findCondition(status, "Stalled");
  if (stalled?.status === "True") return { kind: "failed", message: `${stalled.reason}: ${stalled.message}` };
  const [ready, reconciling] = [findCondition(status, "Ready"), findCondition(status, "Reconciling")];
  const isDone = ready?.status === "True" && reconciling?.status !== "True";
  const why = ready?.status === "True" ? reconciling : ready;
  return { kind: isDone ? "done" : "waiting", message: why?.reason ?? "" };
}
