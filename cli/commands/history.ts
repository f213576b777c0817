import { notKnown } from "../../model/filter-action.ts";
import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { filterArgument, fleetFlags, outputFlag } from "../fleet/flags.ts";
import { openFilter } from "../fleet/open.ts";
import { printJson, printNote, printNotes } from "../output.ts";
import { history as entriesOf, renderHistory } from "../render/history.ts";

export const history = defineCommand({
  name: "history",
  summary: "List a filter's revisions, what became of each and what changed between them",
  about: `The newest revision comes first; * marks the one that serves. A revision is a digest together with everything else that reaches the proxy, so a change
    of spec.config makes one too. BY is what wrote the spec, by its field manager, with the annotation weir.dev/change-cause; "itself": what the spec names changed. Any revision's number or digest may be given to \`weir rollback --to\`.`,
  args: filterArgument,
  flags: { ...fleetFlags, ...outputFlag },
  examples: [{ does: "what ran before", command: "weir history add-header" }],
  async run({ flags, args }, terminal) {
    const opened = await openFilter(args.name, flags, terminal.env);
    if (!opened.ok) return opened;
    const { fleet, filter } = opened.value;
    printNotes(fleet.notes(), terminal);
    if (!fleet.knowsStatus()) return notKnown(`the history of ${args.name}`);
    const revisions = await fleet.revisions(filter);
    const entries = entriesOf(filter, revisions.ok ? revisions.value : []);
    if (!revisions.ok) printNote(`who made them and what changed beside the digest is not known: ${revisions.error.message}`, terminal);
    if (flags.output === "json") printJson(entries, terminal);
    else if (entries.length === 0) printNote(`${args.name} has no revision yet; \`weir describe ${args.name}\` says why`, terminal);
    else terminal.out(`${renderHistory(entries, { now: terminal.now(), current: filter.status?.stableRevision }).join("\n")}\n`);
    return ok(undefined);
  },
});
