import { type ConditionType, findCondition } from "../../model/condition.ts";
import { notKnown } from "../../model/filter-action.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { fail, ok } from "../../model/result.ts";
import { type Revision, withoutSecretText } from "../../model/revision.ts";
import { revisionChanges } from "../../model/revision-changes.ts";
import { defineCommand } from "../args/command.ts";
import { usage } from "../args/usage.ts";
import { filterArgument, fleetFlags, outputFlag } from "../fleet/flags.ts";
import { openFilter } from "../fleet/open.ts";
import { printJson } from "../output.ts";
import { renderChanges } from "../render/changes.ts";

export const diff = defineCommand({
  name: "diff",
  summary: "Show what differs between two revisions of a filter, field by field",
  about: `Compares where the module comes from and every setting that reaches the proxy. With one revision it is compared with the target, which is what the
    filter leads to now. A text from a Secret is never shown: the Secret is named, and whether the text changed. \`weir history NAME\` lists the revisions; \`weir plan\` compares with what a manifest would lead to.`,
  args: {
    ...filterArgument,
    revision: { value: "REVISION", completes: "revision", help: "number of a revision" },
    other: { value: "REVISION", completes: "revision", help: "number of another (default: the target)", optional: true },
  },
  flags: { ...fleetFlags, ...outputFlag },
  examples: [
    { does: "between two revisions", command: "weir diff add-header 3 4" },
    { does: "between a revision and what the filter leads to now", command: "weir diff add-header 3" },
  ],
  async run({ flags, args }, terminal) {
    const wrong = [args.revision, args.other].find((text) => text !== undefined && !/^[1-9]\d{0,8}$/.test(text));
    if (wrong !== undefined) return usage(`REVISION is the number of a revision, not "${wrong}"; \`weir history ${args.name}\` lists them`);
    const opened = await openFilter(args.name, flags, terminal.env);
    if (!opened.ok) return opened;
    const { fleet, filter } = opened.value;
    const target = args.other ?? filter.status?.revision?.toString();
    if (target === undefined && !fleet.knowsStatus()) return notKnown(`what ${args.name} leads to`);
    if (target === undefined) return fail("NoRevision", `${args.name} leads to no revision yet; name another revision to compare with`);
    const revisions = await fleet.revisions(filter);
    if (!revisions.ok) return revisions;
    const found = [args.revision, target].map((number) => revisions.value.find((revision) => revision.number === Number(number)));
    const [before, after] = found;
    if (before === undefined || after === undefined)
      return notKept(args.name, before === undefined ? args.revision : target, revisions.value);
    const changes = revisionChanges(before, after);
    const [name, namespace] = [filter.metadata.name, filter.metadata.namespace];
    if (flags.output === "json")
      printJson({ namespace, name, before: withoutSecretText(before), after: withoutSecretText(after), changes }, terminal);
    else if (before.number === after.number)
      terminal.out(`${args.other === undefined ? isTarget(filter, after.number) : `both are revision ${after.number}`}\n`);
    else if (changes.length === 0) terminal.out(`revisions ${before.number} and ${after.number} are the same\n`);
    else terminal.out(`${[`revision ${before.number} -> ${after.number}`, ...renderChanges(changes, "  ")].join("\n")}\n`);
    return ok(undefined);
  },
});

/** What a spec goes through before it leads to a revision. */
const STAGES: readonly ConditionType[] = ["Accepted", "Resolved", "Verified", "Validated"];

/** The target is what the spec led to last. The spec may have changed since, its change may wait, or it may lead to nothing. */
function isTarget({ metadata, spec, status }: WasmFilter, number: number): string {
  const { name, generation } = metadata;
  const isSeen = status?.observedGeneration === undefined || generation === undefined || status.observedGeneration >= generation;
  const isStopped = STAGES.some((stage) => (findCondition(status, stage)?.status ?? "True") !== "True");
  if (isSeen && !isStopped) return `revision ${number} is what ${name} leads to now`;
  const then = spec.suspend ? "once spec.suspend is taken away" : `\`weir describe ${name}\` says how far that is`;
  return `revision ${number} is what ${name} led to last; its spec may lead to another, ${then}`;
}

function notKept(name: string, number: string, revisions: readonly Revision[]) {
  const kept = revisions.map((revision) => revision.number).join(", ") || "none";
  return fail("NoRevision", `${name} keeps no revision ${number}; it has ${kept}`);
}
