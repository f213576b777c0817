import { ROLLOUT_ABORT, ROLLOUT_PAUSED, ROLLOUT_PROMOTE } from "../../model/annotations.ts";
import { filterId } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { type Command, defineCommand } from "../args/command.ts";
import { type FleetFlagValues, filterArgument, fleetFlags } from "../fleet/flags.ts";
import { notKnown, openFilter } from "../fleet/open.ts";
import type { Terminal } from "../terminal.ts";

/** The annotations to set, and what to print. */
type Steering = Result<{ readonly annotations: Readonly<Record<string, string | null>>; readonly said: string }>;

const pause = defineCommand({
  name: "rollout pause",
  summary: "Pause a filter's rollout where it is",
  about: `No further wave starts until \`weir rollout resume\`. Proxies keep what they have, and a failure still rolls back by itself. A rollout that starts
    later is paused too.`,
  args: filterArgument,
  flags: fleetFlags,
  examples: [{ does: "no further wave for now", command: "weir rollout pause add-header" }],
  run: (input, terminal) =>
    steer(input.flags, input.args.name, terminal, (filter, knowsStatus) => {
      const none = knowsStatus ? "no rollout is under way; the next one waits" : "a rollout that is under way, or the next one, waits";
      const what = underWay(filter, knowsStatus).ok ? "paused" : none;
      return ok({ annotations: { [ROLLOUT_PAUSED]: "true" }, said: `${what}; \`weir rollout resume ${input.args.name}\` continues it` });
    }),
});

const resume = defineCommand({
  name: "rollout resume",
  summary: "Continue a paused rollout",
  about: "Undoes `weir rollout pause`. A step with `pause: true` in the spec waits for `weir rollout promote` instead.",
  args: filterArgument,
  flags: fleetFlags,
  examples: [{ does: "continue", command: "weir rollout resume add-header" }],
  run: (input, terminal) =>
    steer(input.flags, input.args.name, terminal, (filter) => {
      const isPaused = filter.metadata.annotations?.[ROLLOUT_PAUSED] === "true";
      return ok({ annotations: { [ROLLOUT_PAUSED]: null }, said: isPaused ? "resumed" : "is not paused" });
    }),
});

const promote = defineCommand({
  name: "rollout promote",
  summary: "Let the next wave start without waiting for this one's hold or pause",
  about: `Every proxy of the current wave must still acknowledge before the next one starts. This skips the time to watch them, or the wait that a step with
    \`pause: true\` asks for. With --full no later wave waits either.`,
  args: filterArgument,
  flags: { full: { type: "boolean", help: "skip the holds and pauses of all later waves as well" }, ...fleetFlags },
  examples: [
    { does: "the wave looks good", command: "weir rollout promote add-header" },
    { does: "to everyone, as fast as they acknowledge", command: "weir rollout promote add-header --full" },
  ],
  run: (input, terminal) =>
    steer(input.flags, input.args.name, terminal, (filter, knows) => promoteRequest(filter, knows, input.flags.full)),
});

const abort = defineCommand({
  name: "rollout abort",
  summary: "Abort a rollout: go back to the stable revision",
  about: "Proxies that have the new revision go back at once. It is not tried again until the spec or its digest changes.",
  args: filterArgument,
  flags: fleetFlags,
  examples: [{ does: "go back", command: "weir rollout abort add-header" }],
  run: (input, terminal) => steer(input.flags, input.args.name, terminal, abortRequest),
});

export const rollout: readonly Command[] = [pause, resume, promote, abort];

async function steer(
  flags: FleetFlagValues,
  name: string,
  terminal: Terminal,
  decide: (filter: WasmFilter, knowsStatus: boolean) => Steering,
): Promise<Result<void>> {
  const opened = await openFilter(name, flags, terminal.env);
  if (!opened.ok) return opened;
  const { fleet, key, filter } = opened.value;
  const decided = decide(filter, fleet.knowsStatus());
  if (!decided.ok) return decided;
  const done = await fleet.patch(key, { annotations: decided.value.annotations });
  if (done.ok) terminal.out(`${filterId(key)}: ${decided.value.said}\n`);
  return done;
}

/** The value names revision, wave (from 1) and generation, so it does not apply to later waves, another revision or another spec: `4/1@7`. */
function promoteRequest(filter: WasmFilter, knowsStatus: boolean, full: boolean): Steering {
  const revision = underWay(filter, knowsStatus);
  if (!revision.ok) return revision;
  const step = filter.status?.rollout?.step ?? 1;
  const paused = filter.metadata.annotations?.[ROLLOUT_PAUSED] === "true";
  const past = full ? "past every wave" : `past wave ${step} of ${filter.status?.rollout?.steps ?? 1}`;
  return ok({
    annotations: { [ROLLOUT_PROMOTE]: `${full ? revision.value : `${revision.value}/${step}`}${underSpec(filter)}` },
    said: `revision ${revision.value} may go ${past}${paused ? ", once `weir rollout resume` ends the pause" : ""}`,
  });
}

function abortRequest(filter: WasmFilter, knowsStatus: boolean): Steering {
  const revision = underWay(filter, knowsStatus);
  if (!revision.ok) return revision;
  const stable = filter.status?.stableRevision;
  if (stable === revision.value) {
    return fail(
      "NoEarlierRevision",
      `revision ${stable} is the first: there is none to go back to; \`weir delete ${filter.metadata.name}\` takes it away`,
    );
  }
  const back = stable === undefined ? "there is no stable revision: the filter leaves every proxy" : `back to revision ${stable}`;
  return ok({
    annotations: { [ROLLOUT_ABORT]: `${revision.value}${underSpec(filter)}` },
    said: `revision ${revision.value} aborted; ${back}`,
  });
}

/** `@GENERATION`: with a later spec the same revision may roll out again. */
function underSpec({ status }: WasmFilter): string {
  return status?.observedGeneration === undefined ? "" : `@${status.observedGeneration}`;
}

/** The revision that is rolling out, for the commands that need one. */
function underWay({ status, metadata }: WasmFilter, knowsStatus: boolean): Result<number> {
  if (!knowsStatus) return notKnown(`whether a rollout of ${metadata.name} is under way`);
  const state = status?.rollout?.state;
  const going = state === "Progressing" || state === "Holding" || state === "Paused" || state === "Failed";
  if (going && status?.revision !== undefined) return ok(status.revision);
  const now = status === undefined ? "no status is known" : `the last one is ${state ?? "not begun"}`;
  return fail(
    "NoRollout",
    `${metadata.namespace}/${metadata.name} has no rollout under way (${now}); \`weir describe ${metadata.name}\` shows it`,
  );
}
