import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { usage } from "../args/usage.ts";
import { filterArgument, fleetFlags, outputFlag } from "../fleet/flags.ts";
import { openFleet } from "../fleet/open.ts";
import { choosePromotion, type Promotion } from "../fleet/promotion.ts";
import { printJson, printNote, printNotes } from "../output.ts";

const { namespace: _, ...placeFlags } = fleetFlags;

export const promote = defineCommand({
  name: "promote",
  summary: "Let one namespace run the digest that another runs: from staging to production",
  about: `Takes the digest that the filter serves in --from, as its status says and not its spec, and pins it in the filter of the same name in --to (spec.digest). It prints what would
    change; --apply changes it. The rollout there then goes in the waves of its own spec. Both must take their image from the same repository; \`weir copy\` brings a digest into another one.

    \`weir rollout promote\` is another thing: it lets the next wave of a rollout start.`,
  args: { name: { ...filterArgument.name, help: "the filter, by the name that it has in both namespaces" } },
  flags: {
    from: { type: "string", value: "NAMESPACE", required: true, completes: "namespace", help: "the namespace whose digest is taken" },
    to: { type: "string", value: "NAMESPACE", required: true, completes: "namespace", help: "the namespace that gets it" },
    apply: { type: "boolean", help: "change the filter in --to; without it that is only shown" },
    force: { type: "boolean", help: "also while the filter in --from is not Ready: take what is stable there" },
    ...placeFlags,
    ...outputFlag,
  },
  examples: [
    { does: "show what would change", command: "weir promote add-header --from staging --to prod" },
    { does: "do it", command: "weir promote add-header --from staging --to prod --apply" },
  ],
  async run({ flags, args: { name } }, terminal) {
    if (flags.from === flags.to) return usage("--from and --to are the same namespace");
    if (name.includes("/")) return usage(`NAME has no namespace here: --from and --to say which, not "${name}"`);
    const fleet = await openFleet({ ...flags, namespace: undefined }, terminal.env);
    if (!fleet.ok) return fleet;
    const source = await fleet.value.get({ namespace: flags.from, name });
    if (!source.ok) return source;
    const key = { namespace: flags.to, name };
    const target = await fleet.value.get(key);
    if (!target.ok) return target;
    const { parseReference, repositoryName } = await import("../../oci/index.ts");
    const chosen = choosePromotion(source.value, target.value, {
      knowsStatus: fleet.value.knowsStatus(),
      force: flags.force,
      repositoryOf(image) {
        const reference = parseReference(image);
        return reference.ok ? ok(repositoryName(reference.value)) : reference;
      },
    });
    if (!chosen.ok) {
      printNotes(fleet.value.notes(), terminal);
      return chosen;
    }
    const { digest, before, revision, notes } = chosen.value;
    printNotes(notes, terminal);
    const isChange = digest !== before;
    if (flags.apply && isChange) {
      const done = await fleet.value.patch(key, { digest });
      if (!done.ok) return done;
    }
    const applied = flags.apply && isChange;
    if (flags.output === "json")
      printJson({ name, from: flags.from, to: flags.to, revision, digest, before: before ?? null, applied }, terminal);
    else terminal.out(render(`${flags.to}/${name}`, flags.from, chosen.value));
    if (isChange && !flags.apply) printNote("nothing was changed; --apply does it", terminal);
    return ok(undefined);
  },
});

function render(target: string, from: string, { digest, before, revision }: Promotion): string {
  const what = `${from} runs${revision === undefined ? "" : ` as revision ${revision}`}`;
  if (digest === before) return `WasmFilter ${target} is pinned to what ${what} already (${digest})\n`;
  const old = before === undefined ? "" : `-   digest: ${before}\n`;
  return `WasmFilter ${target}: what ${what}\n  spec:\n${old}+   digest: ${digest}\n`;
}
