import { filterId } from "../../model/filter.ts";
import { decideAction, type FilterAction } from "../../model/filter-action.ts";
import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { usage } from "../args/usage.ts";
import { filterArgument, fleetFlags } from "../fleet/flags.ts";
import { openFilter } from "../fleet/open.ts";
import { printNotes } from "../output.ts";

export const rollback = defineCommand({
  name: "rollback",
  summary: "Roll a filter back to the digest of an earlier revision",
  about: `Sets spec.digest, which wins over the image's tag: the filter stays there whatever the tag does. This needs no registry: the modules of kept revisions
    are in the server's store. Without --to it goes to the last revision before the current one that succeeded.

    Only the digest goes back; configuration and policy stay as the spec has them. --unpin removes the pin: the image then has the digest that Weir found last at
    its tag (weir refresh looks again).`,
  args: filterArgument,
  flags: {
    to: {
      type: "string",
      value: "DIGEST|REVISION",
      completes: "revision",
      help: "a revision number, a digest, or the first 4 or more digits of one (weir history NAME)",
    },
    unpin: { type: "boolean", help: "remove spec.digest: follow the image's tag again" },
    ...fleetFlags,
  },
  examples: [
    { does: "to the last good revision", command: "weir rollback add-header" },
    { does: "to a digest", command: "weir rollback add-header --to sha256:3f2a..." },
    { does: "follow the tag again", command: "weir rollback add-header --unpin" },
  ],
  async run({ flags, args }, terminal) {
    if (flags.unpin && flags.to !== undefined) return usage("--to pins a digest and --unpin removes the pin: give one of them");
    const opened = await openFilter(args.name, flags, terminal.env);
    if (!opened.ok) return opened;
    const { fleet, key, filter } = opened.value;
    const action: FilterAction = flags.unpin ? { name: "unpin" } : { name: "rollback", to: flags.to };
    const decided = decideAction(filter, action, { now: terminal.now(), knowsStatus: fleet.knowsStatus() });
    if (!decided.ok) {
      printNotes(fleet.notes(), terminal);
      return decided;
    }
    const { patch, said, notes } = decided.value;
    const done = Object.keys(patch).length === 0 ? ok(undefined) : await fleet.patch(key, patch);
    if (!done.ok) return done;
    terminal.out(`${filterId(key)} is ${said}\n`);
    printNotes(notes, terminal);
    return done;
  },
});
