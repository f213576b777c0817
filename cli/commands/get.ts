import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { allNamespaces, fleetFlags, outputFlag } from "../fleet/flags.ts";
import { openFilter, openFleet } from "../fleet/open.ts";
import { printJson, printList, printNote, printNotes } from "../output.ts";
import { renderFilters } from "../render/filters.ts";

export const get = defineCommand({
  name: "get",
  summary: "List filters: image, digest, revision, how many proxies run it, ready or not",
  about: `PROXIES is how many proxies run the revision they should run, of all that the filter selects. REASON says in one word why a filter is not ready;
    \`weir describe NAME\` explains it.`,
  args: { name: { value: "NAME", completes: "filter", help: "one filter (default: all of the namespace)", optional: true } },
  flags: { ...fleetFlags, ...allNamespaces, ...outputFlag },
  examples: [
    { does: "every filter of the namespace", command: "weir get" },
    { does: "the filters of all namespaces, from a folder of manifests", command: "weir get -A --filters ./filters" },
    { does: "for programs: a Kubernetes List of WasmFilters with status", command: "weir get -o json" },
  ],
  async run({ flags, args }, terminal) {
    if (args.name !== undefined) {
      const opened = await openFilter(args.name, flags, terminal.env);
      if (!opened.ok) return opened;
      const { fleet, filter } = opened.value;
      printNotes(fleet.notes(), terminal);
      if (flags.output === "json") printJson(filter, terminal);
      else terminal.out(renderFilters([filter], { now: terminal.now(), namespaces: false, knowsStatus: fleet.knowsStatus() }));
      return ok(undefined);
    }
    const fleet = await openFleet(flags, terminal.env);
    if (!fleet.ok) return fleet;
    const { value: client } = fleet;
    const filters = await client.list(flags["all-namespaces"] ? undefined : client.namespace);
    if (!filters.ok) return filters;
    printNotes(client.notes(), terminal);
    if (flags.output === "json") printList(filters.value, terminal);
    else if (filters.value.length > 0)
      terminal.out(
        renderFilters(filters.value, { now: terminal.now(), namespaces: flags["all-namespaces"], knowsStatus: client.knowsStatus() }),
      );
    else
      printNote(
        `no filters in ${flags["all-namespaces"] ? "any namespace" : `namespace ${client.namespace}`} of ${client.description}`,
        terminal,
      );
    return ok(undefined);
  },
});
