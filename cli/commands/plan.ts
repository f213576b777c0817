import { fail, ok, type Result } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import type { FlagValues } from "../args/syntax.ts";
import { fleetFlags, manifestsFlag, outputFlag } from "../fleet/flags.ts";
import { openFleet } from "../fleet/open.ts";
import type { PlannedObject } from "../fleet/plan.ts";
import { createServerClient } from "../fleet/server.ts";
import { printJson } from "../output.ts";
import { renderPlanned } from "../render/plan.ts";
import type { Terminal } from "../terminal.ts";

/** What to apply or to plan. */
export const fileFlag = {
  file: { ...manifestsFlag, required: true, help: "a manifest, a folder of manifests, or - for stdin" },
} as const;

const flags = { ...fileFlag, ...fleetFlags, ...outputFlag } as const;

/** Something would change. */
const CHANGES = 3;

export const plan = defineCommand({
  name: "plan",
  summary: "Show what applying manifests would do, without doing it",
  about: `Takes what \`weir apply\` takes. The running server (--server) resolves, verifies and proves the modules as it would for an apply, and says what each filter would
    become: the new revision beside the present one, which proxies would get it in which wave, and what would be refused and why. Policies and Namespaces among the manifests count as applied. Nothing is changed. A Secret's contents are never shown.

    Exit status: 0 nothing would change, 3 something would, 1 something would be refused, or wait for what is not there yet, or no plan could be made, 2 wrong usage.

    In a cluster a plan is for who may apply it: give a token for Weir's audience with --token-file (kubectl create token NAME --audience weir.dev). With a folder the server
    plans on loopback only.`,
  args: {},
  flags,
  examples: [
    { does: "what a change would do", command: "weir plan -f add-header.yaml" },
    { does: "for a program", command: "weir plan -f ./filters -o json" },
  ],
  run: ({ flags }, terminal) => runPlan(flags, terminal),
});

/** Prints what applying the files would do. Gives the exit status; fails when something would be refused. */
export async function runPlan(values: FlagValues<typeof flags>, terminal: Terminal): Promise<Result<number>> {
  const server = createServerClient(values.server, { tokenFile: values["token-file"] });
  if (!server.ok) return server;
  // Loaded here: no other command should wait for what reads manifests.
  const [{ readAllManifests }, { planManifests }] = await Promise.all([import("../fleet/manifests.ts"), import("../fleet/plan.ts")]);
  const manifests = await readAllManifests(values.file, terminal);
  if (!manifests.ok) return manifests;
  const fleet = await openFleet(values, terminal.env);
  if (!fleet.ok) return fleet;
  const planned = await planManifests(manifests.value, fleet.value, server.value);
  if (!planned.ok) return planned;
  if (values.output === "json") printJson({ objects: planned.value }, terminal);
  else for (const object of planned.value) terminal.out(renderPlanned(object));
  return statusOf(planned.value);
}

function statusOf(planned: readonly PlannedObject[]): Result<number> {
  const refused = planned.filter(({ action }) => action === "refused");
  const waiting = refused.filter(({ refusal }) => refusal?.waits !== undefined).length;
  if (refused.length > 0) return fail("Refused", stoppedOf(refused.length - waiting, waiting, planned.length));
  return ok(planned.every(({ action }) => action === "unchanged") ? 0 : CHANGES);
}

/** What leads to no revision now. */
function stoppedOf(refused: number, waiting: number, all: number): string {
  const parts = [
    ...(refused > 0 ? [`${refused} of ${all} objects would be refused`] : []),
    ...(waiting > 0 ? [`${waiting} of ${all} objects would wait for what is not there yet`] : []),
  ];
  return parts.join(", and ");
}
