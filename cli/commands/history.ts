import { ok } from "../../model/result.ts";
import { defineCommand } from "../command.ts";
import { filterKey, fleetFlags, openFleet, outputFlag } from "../fleet/flags.ts";
import { printJson, printNotes } from "../output.ts";
import { history as entriesOf, renderHistory } from "../render/history.ts";

export const history = defineCommand({
  name: "history",
  summary: "List a filter's revisions, what became of each and what changed between them",
  about: `The newest revision comes first; * marks the one that serves. A revision is a digest together with everything else that reaches the proxy, so a change
    of spec.config makes one too. Any revision's number or digest may be given to \`weir rollback --to\`.`,
  args: { name: { value: "NAME", help: "the filter, or NAMESPACE/NAME" } },
  flags: { ...fleetFlags, ...outputFlag },
  examples: [{ does: "what was there before", command: "weir history add-header" }],
  async run({ flags, args }, terminal) {
    const fleet = await openFleet(flags, terminal.env);
    if (!fleet.ok) return fleet;
    const key = filterKey(args.name, fleet.value.namespace);
    if (!key.ok) return key;
    const filter = await fleet.value.get(key.value);
    if (!filter.ok) return filter;
    const revisions = await fleet.value.revisions(filter.value);
    const entries = entriesOf(filter.value, revisions.ok ? revisions.value : []);
    printNotes(fleet.value, terminal);
    if (!revisions.ok) terminal.err(`note: changes other than the digest are not known: ${revisions.error.message}\n`);
    if (flags.output === "json") printJson(entries, terminal);
    else if (entries.length === 0) terminal.err(`${args.name} has no revision yet; \`weir describe ${args.name}\` says why.\n`);
    else terminal.out(`${renderHistory(entries, { now: terminal.now(), current: filter.value.status?.stableRevision }).join("\n")}\n`);
    return ok(undefined);
  },
});
