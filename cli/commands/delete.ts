import { filterId } from "../../model/filter.ts";
import { defineCommand } from "../args/command.ts";
import { filterArgument, fleetFlags } from "../fleet/flags.ts";
import { filterKey, openFleet } from "../fleet/open.ts";

export const remove = defineCommand({
  name: "delete",
  summary: "Delete a filter: every proxy drops it",
  about: `Deletes the WasmFilter: from the cluster with its history, or from its file in the folder (a file that holds nothing else is deleted too). Proxies drop the
    filter at once; the other filters of the slot stay.`,
  args: filterArgument,
  flags: fleetFlags,
  examples: [{ does: "delete a filter of namespace shop", command: "weir delete add-header -n shop" }],
  async run({ flags, args }, terminal) {
    const fleet = await openFleet(flags, terminal.env);
    if (!fleet.ok) return fleet;
    const key = filterKey(args.name, fleet.value.namespace);
    if (!key.ok) return key;
    const done = await fleet.value.remove(key.value);
    if (done.ok) terminal.out(`${filterId(key.value)} deleted\n`);
    return done;
  },
});
