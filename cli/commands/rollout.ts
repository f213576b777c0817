import { filterId } from "../../model/filter.ts";
import { decideAction, type FilterAction } from "../../model/filter-action.ts";
import type { Result } from "../../model/result.ts";
import { type Command, defineCommand } from "../args/command.ts";
import { type FleetFlagValues, filterArgument, fleetFlags } from "../fleet/flags.ts";
import { openFilter } from "../fleet/open.ts";
import type { Terminal } from "../terminal.ts";

const pause = defineCommand({
  name: "rollout pause",
  summary: "Pause a filter's rollout where it is",
  about: `No further wave starts until \`weir rollout resume\`. Proxies keep what they have, and a failure still rolls back by itself. A rollout that starts
    later is paused too.`,
  args: filterArgument,
  flags: fleetFlags,
  examples: [{ does: "no further wave for now", command: "weir rollout pause add-header" }],
  run: (input, terminal) => steer(input.flags, input.args.name, terminal, { name: "pause" }),
});

const resume = defineCommand({
  name: "rollout resume",
  summary: "Continue a paused rollout",
  about: "Undoes `weir rollout pause`. A step with `pause: true` in the spec waits for `weir rollout promote` instead.",
  args: filterArgument,
  flags: fleetFlags,
  examples: [{ does: "continue", command: "weir rollout resume add-header" }],
  run: (input, terminal) => steer(input.flags, input.args.name, terminal, { name: "resume" }),
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
  run: (input, terminal) => steer(input.flags, input.args.name, terminal, { name: "promote", full: input.flags.full }),
});

const abort = defineCommand({
  name: "rollout abort",
  summary: "Abort a rollout: go back to the stable revision",
  about: "Proxies that have the new revision go back at once. It is not tried again until the spec or its digest changes.",
  args: filterArgument,
  flags: fleetFlags,
  examples: [{ does: "go back", command: "weir rollout abort add-header" }],
  run: (input, terminal) => steer(input.flags, input.args.name, terminal, { name: "abort" }),
});

export const rollout: readonly Command[] = [pause, resume, promote, abort];

async function steer(flags: FleetFlagValues, name: string, terminal: Terminal, action: FilterAction): Promise<Result<void>> {
  const opened = await openFilter(name, flags, terminal.env);
  if (!opened.ok) return opened;
  const { fleet, key, filter } = opened.value;
  const decided = decideAction(filter, action, { now: terminal.now(), knowsStatus: fleet.knowsStatus() });
  if (!decided.ok) return decided;
  const done = await fleet.patch(key, decided.value.patch);
  if (done.ok) terminal.out(`${filterId(key)}: ${decided.value.said}\n`);
  return done;
}
