import { ROLLOUT_ABORT, ROLLOUT_PAUSED, ROLLOUT_PROMOTE } from "../../model/annotations.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";

/** What a person asks of a rollout through annotations; `weir rollout` writes them. */
export interface RolloutWishes {
  readonly paused: boolean;
  readonly promote: { readonly revision: number; readonly step: number } | undefined;
  readonly abort: number | undefined;
}

/**
 * `weir.dev/rollout-paused: "true"`, `weir.dev/rollout-promote: "REVISION/STEP"` (or `REVISION`: to the end), `weir.dev/rollout-abort: "REVISION"`.
 * The last two may end in `@GENERATION`: they then say nothing about a later spec, under which the same revision may go out again.
 */
export function wishesOf({ metadata }: WasmFilter): RolloutWishes {
  const annotations = metadata.annotations ?? {};
  const inForce = (generation: string | undefined) => generation === undefined || Number(generation) === metadata.generation;
  const promote = /^(\d+)(?:\/(\d+))?(?:@(\d+))?$/.exec(annotations[ROLLOUT_PROMOTE] ?? "");
  const abort = /^(\d+)(?:@(\d+))?$/.exec(annotations[ROLLOUT_ABORT] ?? "");
  return {
    paused: annotations[ROLLOUT_PAUSED] === "true",
    promote:
      promote === null || !inForce(promote[3])
        ? undefined
        : { revision: Number(promote[1]), step: promote[2] === undefined ? Number.POSITIVE_INFINITY : Number(promote[2]) },
    abort: abort === null || !inForce(abort[2]) ? undefined : Number(abort[1]),
  };
}
