import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import type { FlagValues } from "../args/syntax.ts";
import { usage } from "../args/usage.ts";
import { type FleetClient, keyOf, objectName } from "../fleet/client.ts";
import { describeConflicts, fieldConflicts, refuseConflicts } from "../fleet/field-managers.ts";
import { conflictsFlag, filterArgument, fleetFlags, outputFlag } from "../fleet/flags.ts";
import { openFleet } from "../fleet/open.ts";
import { choosePromotion, type Promotion } from "../fleet/promotion.ts";
import { registryAccess, registryFlags } from "../modules.ts";
import { printJson, printNote, printNotes } from "../output.ts";
import type { Terminal } from "../terminal.ts";

const { namespace: _, ...placeFlags } = fleetFlags;

const flags = {
  from: { type: "string", value: "NAMESPACE", required: true, completes: "namespace", help: "the namespace whose digest is taken" },
  to: { type: "string", value: "NAMESPACE", required: true, completes: "namespace", help: "the namespace that gets it" },
  apply: { type: "boolean", help: "change the filter in --to; without it that is only shown" },
  force: { type: "boolean", help: "also while the filter in --from is not Ready: take what is stable there" },
  ...conflictsFlag,
  ...placeFlags,
  ...registryFlags,
  ...outputFlag,
} as const;

export const promote = defineCommand({
  name: "promote",
  summary: "Let one namespace run the digest that another runs: from staging to production",
  about: `Takes the digest that the filter serves in --from, as its status says and not its spec, and pins it in the filter of the same name in --to (spec.digest). It prints what would
    change; --apply changes it. The rollout there then goes in the waves of its own spec. Where the two take their images from different repositories, \`weir copy\` brings the digest over first.

    \`weir rollout promote\` is another thing: it lets the next wave of a rollout start.`,
  args: { name: { ...filterArgument.name, help: "the filter, by the name that it has in both namespaces" } },
  flags,
  examples: [
    { does: "show what would change", command: "weir promote add-header --from staging --to prod" },
    { does: "do it", command: "weir promote add-header --from staging --to prod --apply" },
  ],
  async run({ flags, args: { name } }, terminal) {
    if (flags.from === flags.to) return usage("--from and --to are the same namespace");
    if (name.includes("/")) return usage(`NAME has no namespace here: --from and --to say which, not "${name}"`);
    const fleet = await openFleet({ ...flags, namespace: undefined }, terminal.env);
    if (!fleet.ok) return fleet;
    const chosen = await choose(fleet.value, name, flags);
    if (!chosen.ok) {
      printNotes(fleet.value.notes(), terminal);
      return chosen;
    }
    const { target, digest, before, revision, notes } = chosen.value;
    const there = await mustBeThere(chosen.value, flags, terminal);
    if (!there.ok) return there;
    printNotes(notes, terminal);
    const isChange = digest !== before;
    const applied = flags.apply && isChange;
    const conflicts = fieldConflicts(target, { digest });
    if (applied && conflicts.length > 0 && !flags["force-conflicts"]) return refuseConflicts(target, conflicts);
    const done = applied ? await fleet.value.patch(keyOf(target), { digest }, { seen: target }) : ok(undefined);
    if (!done.ok) return done;
    if (conflicts.length > 0) printNote(describeConflicts(target, conflicts), terminal);
    if (flags.output === "json")
      printJson({ name, from: flags.from, to: flags.to, revision, digest, before: before ?? null, applied }, terminal);
    else terminal.out(render(`${flags.to}/${name}`, flags.from, chosen.value));
    if (applied && flags.output !== "json") terminal.out(`${flags.to}/${name} is pinned to it\n`);
    if (isChange && !flags.apply) printNote("nothing was changed; --apply does it", terminal);
    return ok(undefined);
  },
});

type Values = FlagValues<typeof flags>;
type Chosen = Promotion & { readonly target: WasmFilter };

async function choose(fleet: FleetClient, name: string, { from, to, force }: Values): Promise<Result<Chosen>> {
  const source = await fleet.get({ namespace: from, name });
  if (!source.ok) return source;
  const target = await fleet.get({ namespace: to, name });
  if (!target.ok) return target;
  const { parseReference, repositoryName } = await import("../../oci/index.ts");
  const chosen = choosePromotion(source.value, target.value, {
    knowsStatus: fleet.knowsStatus(),
    force,
    repositoryOf(image) {
      const reference = parseReference(image);
      return reference.ok ? ok(repositoryName(reference.value)) : reference;
    },
  });
  return chosen.ok ? ok({ ...chosen.value, target: target.value }) : chosen;
}

/** A digest is in another repository only if somebody brought it there, which whoever runs the command can see with their own credentials. */
async function mustBeThere({ digest, repositories, target }: Chosen, values: Values, terminal: Terminal): Promise<Result<void>> {
  const { from, to } = repositories;
  if (from === to) return ok(undefined);
  const image = `${to}@${digest}`;
  const access = await registryAccess(image, values, terminal.env);
  if (!access.ok) return access;
  const { openReference } = await import("../../oci/index.ts");
  const opened = openReference(image, access.value.keychain, access.value);
  if (!opened.ok) return opened;
  const found = await opened.value.repository.manifest(digest);
  if (found.ok) return ok(undefined);
  if (found.error.reason !== "ImageNotFound") return found;
  const where = objectName(keyOf(target));
  return fail(
    "NotCopied",
    `${where} takes its image from ${to}, which does not have it yet; copy it first: weir copy ${from}@${digest} ${image}`,
  );
}

function render(target: string, from: string, { digest, before, revision }: Promotion): string {
  const what = `${from} runs${revision === undefined ? "" : ` as revision ${revision}`}`;
  if (digest === before) return `WasmFilter ${target} is pinned to what ${what} already (${digest})\n`;
  const old = before === undefined ? "" : `-   digest: ${before}\n`;
  return `WasmFilter ${target}: what ${what}\n  spec:\n${old}+   digest: ${digest}\n`;
}
