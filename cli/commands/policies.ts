import type { WasmPolicy } from "../../model/gen/wasmpolicy.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import type { FleetClient } from "../fleet/client.ts";
import { type FleetFlagValues, fleetFlags, objectsFlag, outputFlag } from "../fleet/flags.ts";
import { openFleet } from "../fleet/open.ts";
import { listOf, printJson, printNote, printNotes } from "../output.ts";
import { createPaint } from "../render/paint.ts";
import { renderPolicies, renderPolicy } from "../render/policies.ts";
import type { Terminal } from "../terminal.ts";

/** As kubectl calls one that it prints by name. */
const NAME_PREFIX = "wasmpolicy.weir.dev/";

export const getPolicies = defineCommand({
  name: "get wasmpolicies",
  aliases: ["wasmpolicy", "wpol"],
  summary: "List policies: mode, how many filters each is for, how many violate it",
  about: `VIOLATING is how many filters each would refuse (Enforce) or only tells of (Audit); \`weir describe wasmpolicy NAME\` says which, and why. ACCEPTED is False where
    Weir cannot read a policy: nothing new goes out in its namespaces meanwhile. A filter that is named as this command is written NAMESPACE/NAME.`,
  args: { name: { value: "NAME", completes: "policy", help: "one policy (default: all)", optional: true } },
  flags: { ...fleetFlags, ...objectsFlag },
  examples: [
    { does: "every policy", command: "weir get wasmpolicies" },
    {
      does: "with the namespaces and the rules of each, from a folder of manifests",
      command: "weir get wasmpolicies -o wide --filters ./filters",
    },
  ],
  async run({ flags, args }, terminal) {
    const read = await readPolicies(args.name, flags, terminal);
    if (!read.ok) return read;
    const { fleet, policies } = read.value;
    const [one] = policies;
    const printed = args.name === undefined ? listOf(policies) : one;
    switch (flags.output) {
      case "json":
        printJson(printed, terminal);
        break;
      case "yaml": {
        // Loaded here: what prints YAML is large.
        const { printYaml } = await import("../../operator/index.ts");
        terminal.out(printYaml(printed));
        break;
      }
      case "name":
        for (const { metadata } of policies) terminal.out(`${NAME_PREFIX}${metadata.name}\n`);
        break;
      default:
        if (one === undefined) printNote(`no WasmPolicies in ${fleet.description}; every filter is allowed`, terminal);
        else
          terminal.out(
            renderPolicies(policies, { now: terminal.now(), isWide: flags.output === "wide", knowsStatus: fleet.knowsStatus() }),
          );
    }
    return ok(undefined);
  },
});

export const describePolicy = defineCommand({
  name: "describe wasmpolicy",
  aliases: ["wasmpolicies", "wpol"],
  summary: "Show one policy in full: for whom, what it asks for, what violates it",
  about: `A policy that is enforced refuses what violates it; one with mode Audit only tells. The status names the first ten filters; the condition Permitted of every filter says the
    same of it. In a folder only the running server (--server) knows which filters violate a policy.`,
  args: { name: { value: "NAME", completes: "policy", help: "the policy" } },
  flags: { ...fleetFlags, ...outputFlag },
  examples: [{ does: "what it refuses now", command: "weir describe wasmpolicy our-registry" }],
  async run({ flags, args }, terminal) {
    const read = await readPolicies(args.name, flags, terminal);
    if (!read.ok) return read;
    const { fleet, policies } = read.value;
    const [policy] = policies;
    if (policy === undefined) return ok(undefined);
    if (flags.output === "json") printJson(policy, terminal);
    else terminal.out(renderPolicy(policy, { now: terminal.now(), knowsStatus: fleet.knowsStatus() }, createPaint(terminal.color)));
    return ok(undefined);
  },
});

/** The policy with this name, or all. Fails with `NotFound`. Tells what a person should know of what was read. */
async function readPolicies(
  name: string | undefined,
  flags: FleetFlagValues,
  terminal: Terminal,
): Promise<Result<{ readonly fleet: FleetClient; readonly policies: readonly WasmPolicy[] }>> {
  const opened = await openFleet(flags, terminal.env);
  if (!opened.ok) return opened;
  const { value: fleet } = opened;
  const all = await fleet.policies();
  if (!all.ok) return all;
  printNotes(fleet.notes(), terminal);
  const policies = name === undefined ? all.value : all.value.filter(({ metadata }) => metadata.name === name);
  if (name !== undefined && policies.length === 0)
    return fail("NotFound", `no WasmPolicy "${name}" in ${fleet.description}; \`weir get wasmpolicies\` lists them`);
  return ok({ fleet, policies });
}
