import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { type Applied, objectName } from "../fleet/client.ts";
import { fleetFlags, outputFlag } from "../fleet/flags.ts";
import { openFleet } from "../fleet/open.ts";
import { printJson, printNotes } from "../output.ts";
import { renderPin } from "../render/plan.ts";
import { fileFlag, runPlan } from "./plan.ts";

export const apply = defineCommand({
  name: "apply",
  summary: "Create or change filters from manifests",
  about: `Takes WasmFilters, the Secrets and ConfigMaps they refer to, WasmPolicies and Namespaces. Those that rule filters are applied first, so that a
    policy counts for the filters beside it. In a cluster this is a server-side apply. In a folder, each object replaces the one of the
    same name, or gets a file of its own. The server then resolves, proves and rolls out: \`weir describe NAME\` shows how far it is.`,
  args: {},
  flags: {
    ...fileFlag,
    "dry-run": {
      type: "string",
      choices: ["server"],
      help: "server: do what `weir plan` does, with its exit statuses; change nothing",
    },
    ...fleetFlags,
    ...outputFlag,
  },
  examples: [
    { does: "to the cluster", command: "weir apply -f examples/add-header.yaml" },
    { does: "to a folder that weir serve watches", command: "weir apply -f add-header.yaml --filters ./filters" },
  ],
  async run({ flags }, terminal) {
    if (flags["dry-run"] !== undefined) return runPlan(flags, terminal);
    // Loaded here: no other command should wait for what reads manifests.
    const { inApplyOrder, readAllManifests } = await import("../fleet/manifests.ts");
    const read = await readAllManifests(flags.file, terminal);
    if (!read.ok) return read;
    const manifests = inApplyOrder(read.value);
    const fleet = await openFleet(flags, terminal.env);
    if (!fleet.ok) return fleet;
    const done: Applied[] = [];
    for (const manifest of manifests) {
      const applied = await fleet.value.apply(manifest);
      if (!applied.ok) {
        const before = done.length === 0 ? "" : ` (${done.length} of ${manifests.length} objects were applied before it)`;
        return { ok: false, error: { ...applied.error, message: `${manifest.where}: ${applied.error.message}${before}` } };
      }
      done.push(applied.value);
      printNotes(applied.value.warnings ?? [], terminal);
      if (flags.output !== "json") terminal.out(line(applied.value));
    }
    if (flags.output === "json") printJson(done, terminal);
    return ok(undefined);
  },
});

function line({ kind, namespace, name, action, file, pin }: Applied): string {
  const where = file === undefined ? "" : ` (${file})`;
  const pinned = pin === undefined ? "" : `\n  ${renderPin(name, pin)}`;
  return `${kind} ${objectName({ namespace, name })} ${action}${where}${pinned}\n`;
}
