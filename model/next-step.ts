import { ROLLOUT_PAUSED } from "./annotations.ts";
import { ROLLOUT_DEFAULTS, wavePercents } from "./filter.ts";
import type { WasmFilter } from "./gen/wasmfilter.ts";

/** How lengths and moments are read and written. */
export interface Times {
  /** A duration of a spec -> milliseconds; `undefined`: it is none. */
  parse(duration: string): number | undefined;
  /** A moment (milliseconds since the epoch) -> `at 14:03:10Z (in 5m)`. */
  print(moment: number): string;
}

/** What happens next by itself, and when; or what a person has to do. Empty where nothing comes any more. */
export function nextStep(filter: WasmFilter, times: Times): string {
  const { status, metadata } = filter;
  const rollout = status?.rollout;
  if (filter.spec.suspend) return "nothing: spec.suspend is true, changes wait until it is taken away";
  if (rollout === undefined) return "";
  const following = wavePercents(filter.spec)[rollout.step ?? 1];
  const nextWave = following === undefined ? lastOf(filter) : `wave ${(rollout.step ?? 1) + 1} (${following}%) starts`;
  switch (rollout.state) {
    case "Progressing": {
      const deadline = deadlineOf(filter, times);
      return `${rollout.watch === undefined ? nextWave : "it is watched"} once every proxy of this wave acknowledged${deadline === undefined ? "" : `; ${deadline}`}`;
    }
    case "Holding":
      return rollout.nextStepTime === undefined
        ? `${nextWave} after the hold`
        : `${nextWave} ${times.print(Date.parse(rollout.nextStepTime))}`;
    case "Paused":
      return metadata.annotations?.[ROLLOUT_PAUSED] === "true"
        ? `nothing until \`weir rollout resume ${metadata.name}\``
        : `nothing until \`weir rollout promote ${metadata.name}\``;
    case "Succeeded":
      return "";
    case "RolledBack":
    case "Rejected":
    case "Failed":
      return "nothing until the spec or its digest changes: this revision is not tried again";
  }
}

/** What comes after the last wave. A first revision is stable while it is watched. */
function lastOf({ status }: WasmFilter): string {
  if (status?.rollout?.watch === undefined) return "the rollout is complete";
  return status.revision === status.stableRevision ? "the watch ends" : "the watch ends, and it is stable,";
}

/** When the wave fails, by `spec.rollout.progressDeadline`. */
function deadlineOf(filter: WasmFilter, times: Times): string | undefined {
  const started = Date.parse(filter.status?.rollout?.stepTime ?? "");
  const allowed = times.parse(filter.spec.rollout?.progressDeadline ?? ROLLOUT_DEFAULTS.progressDeadline);
  if (Number.isNaN(started) || allowed === undefined) return undefined;
  const consequence = filter.spec.rollout?.autoRollback === false ? "the rollout counts as failed" : "it rolls back by itself";
  return `otherwise ${consequence} ${times.print(started + allowed)}`;
}
