import { filterId } from "../../model/filter.ts";
import { decideAction } from "../../model/filter-action.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { defineCommand } from "../args/command.ts";
import type { FleetClient } from "../fleet/client.ts";
import { filterArgument, fleetFlags } from "../fleet/flags.ts";
import { openFilter } from "../fleet/open.ts";

export const refresh = defineCommand({
  name: "refresh",
  summary: "Look at a filter's tag now, whatever its pullPolicy",
  about: `Sets the annotation weir.dev/refresh to the present time. With pullPolicy IfNotPresent a reference keeps its digest until spec.image changes; this asks
    Weir to look at the tag now, once. Another digest is a new revision, which goes out as any other; the same digest changes nothing. A look that fails is tried
    again, and the last revision serves meanwhile. \`weir describe NAME\` and the Event Refreshed say what came of it.

    Other filters of the same image keep their digest. kubectl does the same: kubectl annotate wf NAME --overwrite weir.dev/refresh=$(date +%s)`,
  args: filterArgument,
  flags: fleetFlags,
  examples: [{ does: "roll out what the tag points to now", command: "weir refresh add-header" }],
  async run({ flags, args }, terminal) {
    const opened = await openFilter(args.name, flags, terminal.env);
    if (!opened.ok) return opened;
    const { fleet, key, filter } = opened.value;
    const decided = decideAction(filter, { name: "refresh" }, { now: terminal.now() });
    if (!decided.ok) return decided;
    const done = await fleet.patch(key, decided.value.patch);
    if (!done.ok) return done;
    terminal.out(`${filterId(key)}: ${decided.value.said} ${whenOf(filter, fleet)}\n`);
    return done;
  },
});

/** When the look comes. A cluster's Weir cannot be seen from here: what it said of the filter is. */
function whenOf({ spec, status }: WasmFilter, fleet: FleetClient): string {
  if (spec.suspend) return "once spec.suspend is taken away";
  if (!fleet.knowsStatus()) return "once Weir runs: no server answers";
  return status?.conditions === undefined
    ? "once Weir runs: none has seen it yet"
    : "as soon as Weir sees this; `weir describe` says what came of it";
}
