import { shortDigest } from "../../model/digest.ts";
import { type FilterKey, filterId } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { ok, type Result } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { usage } from "../args/usage.ts";
import type { FleetClient } from "../fleet/client.ts";
import { filterArgument, fleetFlags } from "../fleet/flags.ts";
import { openFilter } from "../fleet/open.ts";
import { chooseRollback, type RollbackTarget } from "../fleet/rollback.ts";
import { printNote, printNotes } from "../output.ts";
import type { Terminal } from "../terminal.ts";

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
    if (flags.unpin) return unpin(fleet, key, filter, terminal);
    const target = chooseRollback(filter, flags.to, fleet.knowsStatus());
    if (!target.ok) {
      printNotes(fleet.notes(), terminal);
      return target;
    }
    const done = await fleet.patch(key, { digest: target.value.digest });
    if (done.ok) report(key, target.value, terminal);
    return done;
  },
});

function report(key: FilterKey, { digest, item }: RollbackTarget, terminal: Terminal): void {
  const what = item === undefined ? "a digest that is in none of its revisions" : `revision ${item.revision}`;
  terminal.out(`${filterId(key)} is pinned to ${digest} (${what})\n`);
  if (item !== undefined && (item.result === "RolledBack" || item.result === "Rejected")) {
    printNote(
      `revision ${item.revision} failed before (${item.result}${item.message ? `: ${item.message}` : ""}); it goes out again, in waves`,
      terminal,
    );
  }
}

async function unpin(client: FleetClient, key: FilterKey, filter: WasmFilter, terminal: Terminal): Promise<Result<void>> {
  const { digest, image } = filter.spec;
  if (digest === undefined) {
    terminal.out(`${filterId(key)} is not pinned: it follows ${image ?? "its URL"}\n`);
    return ok(undefined);
  }
  const done = await client.patch(key, { digest: null });
  if (done.ok) terminal.out(`${filterId(key)} is no longer pinned to ${shortDigest(digest)}: it follows ${image ?? "its URL"}\n`);
  return done;
}
