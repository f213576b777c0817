import { filterId } from "../../model/filter.ts";
import { defineCommand } from "../args/command.ts";
import { filterArgument, fleetFlags } from "../fleet/flags.ts";
import { filterKey, openFleet } from "../fleet/open.ts";

export const remove = defineCommand({
  name: "delete",
  summary: "Take a filter off every proxy by deleting it",
  about: `Deletes the WasmFilter: from the cluster with its history, or from its file in the folder (the file goes too when nothing else is in it). Proxies lose the filter
    at once, and the other filters of the slot stay as they are.`,
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
