import { setTimeout as sleep } from "node:timers/promises";
import { count } from "../../base/text.ts";
import { filterId } from "../../model/filter.ts";
import type { FilterPatch } from "../../model/filter-patch.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { Fields } from "../../model/kube.ts";
import { parseLabelSelector } from "../../model/label-selector.ts";
import { type FilterPlan, MAX_PLANNED } from "../../model/plan.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { readDuration } from "../args/duration.ts";
import type { FlagValues } from "../args/syntax.ts";
import { usage } from "../args/usage.ts";
import { type Base, filtersOn, moved, readWaves, standingOf } from "../fleet/bump.ts";
import { type FleetClient, keyOf } from "../fleet/client.ts";
import { describeConflicts, fieldConflicts, refuseConflicts } from "../fleet/field-managers.ts";
import { allNamespaces, conflictsFlag, fleetFlags, outputFlag } from "../fleet/flags.ts";
import { openFleet } from "../fleet/open.ts";
import { createServerClient, type ServerClient } from "../fleet/server.ts";
import { inScope } from "../local/scope.ts";
import { printJson, printNote, printNotes } from "../output.ts";
import { renderPlanned } from "../render/plan.ts";
import { confirm, type Terminal } from "../terminal.ts";

const flags = {
  base: {
    type: "string",
    value: "OLD",
    required: true,
    help: "the image that the filters are on: registry/repository, with a tag or a digest if only that",
  },
  to: {
    type: "string",
    value: "NEW",
    required: true,
    help: "the image that they are to be on: registry/repository:tag, or ...@sha256:...",
  },
  selector: {
    type: "string",
    short: "l",
    value: "SELECTOR",
    help: "only filters with these labels of their own, as in kubectl: team=shop,tier!=test",
  },
  waves: {
    type: "string",
    value: "LIST",
    help: "how many filters are moved by the end of each wave; the next one waits until all of them are in force",
    fallback: "1,25%,100%",
  },
  timeout: { type: "string", value: "DURATION", help: "longest wait for one wave", fallback: "10m" },
  yes: { type: "boolean", short: "y", help: "do not ask after the plan" },
  ...conflictsFlag,
  ...allNamespaces,
  ...fleetFlags,
  ...outputFlag,
} as const;

type Values = FlagValues<typeof flags>;

const LOOK_MS = 1_000;

export const bump = defineCommand({
  name: "bump",
  summary: "Move every filter on one image to another, in waves, after a plan",
  about: `Finds the filters whose spec.image is OLD, asks the running server (--server) what moving each to NEW would do, and shows it. Where a policy, a signature or preflight refuses one
    of them, nothing is changed. After a yes they are moved wave by wave: spec.image is set, and a pin (spec.digest) to the old image is taken away. Each wave must be in force, and have been
    watched, before the next; each filter still goes to its proxies in its own rollout. It stops at the first one that fails: those that are moved stay, and bump with OLD and NEW in the other order takes
    them back. Ctrl-C stops it between two filters.`,
  args: {},
  flags,
  examples: [
    {
      does: "a new version for every filter of a namespace",
      command: "weir bump --base registry.example/filters/auth:1.2 --to registry.example/filters/auth:1.3",
    },
    {
      does: "for one team, everywhere, unattended",
      command: "weir bump --base registry.example/filters/auth --to registry.example/filters/auth:1.3 -A -l team=shop --yes",
    },
  ],
  run: ({ flags }, terminal) => inScope(({ signal }) => run(flags, terminal, signal)),
});

async function run(values: Values, terminal: Terminal, signal: AbortSignal): Promise<Result<void>> {
  const timeout = readDuration(values.timeout, "--timeout", "24h");
  if (!timeout.ok) return timeout;
  const server = createServerClient(values.server, { tokenFile: values["token-file"] });
  if (!server.ok) return server;
  const fleet = await openFleet(values, terminal.env);
  if (!fleet.ok) return fleet;
  const found = await find(values, fleet.value);
  if (!found.ok) return found;
  printNotes(fleet.value.notes(), terminal);
  const waves = readWaves(values.waves, found.value.length);
  if (!waves.ok) return waves;
  const planned = await planAll(found.value, values.to, server.value);
  if (!planned.ok) return planned;
  const isJson = values.output === "json";
  if (!isJson) for (const plan of planned.value) terminal.out(renderPlanned({ kind: "WasmFilter", ...plan }));
  const refused = planned.value.filter(({ action }) => action === "refused");
  if (isJson && refused.length > 0) printJson({ planned: planned.value, moved: [] }, terminal);
  if (refused.length > 0)
    return fail(
      "Refused",
      `${refused.length} of ${planned.value.length} filters would be refused or would wait: ${refusalsOf(refused)}; nothing was changed`,
    );
  const taken = await tryAll(found.value, fleet.value, values, terminal);
  if (!taken.ok) return nothingChanged(taken.error);
  const agreed = values.yes ? ok(true) : await agree(found.value.length, waves.value, values.to, isJson, terminal);
  if (!agreed.ok) return agreed;
  if (!agreed.value) return fail("Stopped", "nothing was changed");
  const mover = new Mover(fleet.value, values, isJson, timeout.value, terminal, signal);
  const done = await mover.moveAll(found.value, waves.value);
  if (isJson) printJson({ planned: planned.value, moved: mover.moved }, terminal);
  return done;
}

async function find({ base, to, selector, ...values }: Values, fleet: FleetClient): Promise<Result<readonly WasmFilter[]>> {
  const labels = selector === undefined ? ok(undefined) : parseLabelSelector(selector);
  if (!labels.ok) return usage(labels.error.message);
  const { parseReference, repositoryName } = await import("../../oci/index.ts");
  const read = (image: string): Result<Base> => {
    const reference = parseReference(image);
    if (!reference.ok) return reference;
    const { tag, digest } = reference.value;
    return ok({ repository: repositoryName(reference.value), tag, digest });
  };
  const target = read(to);
  if (!target.ok) return target;
  const old = read(base);
  if (!old.ok) return old;
  const listed = await fleet.list(values["all-namespaces"] ? undefined : fleet.namespace);
  if (!listed.ok) return listed;
  const wanted = isAnyTag(base) ? { ...old.value, tag: undefined } : old.value;
  const on = filtersOn(wanted, labels.value, listed.value, (image) => {
    const known = read(image);
    return known.ok ? known.value : undefined;
  }).filter(({ spec }) => spec.image !== to || spec.digest !== undefined);
  const where = values["all-namespaces"] ? "any namespace" : `namespace ${fleet.namespace}`;
  if (on.length > 0) return ok(on);
  return fail(
    "NotFound",
    `no filter of ${where} is on ${base}${selector === undefined ? "" : ` and has the labels ${selector}`}; \`weir get -A\` shows the images`,
  );
}

/** It names a repository alone. */
function isAnyTag(base: string): boolean {
  return !/[:@][^/]*$/.test(base);
}

/** What the server says of each, once it is moved. */
async function planAll(filters: readonly WasmFilter[], to: string, server: ServerClient): Promise<Result<readonly FilterPlan[]>> {
  const plans: FilterPlan[] = [];
  for (let at = 0; at < filters.length; at += MAX_PLANNED) {
    const objects = filters.slice(at, at + MAX_PLANNED).map((filter) => moved(filter, to) as unknown as Fields);
    const planned = await server.plan(objects);
    if (!planned.ok) return planned;
    plans.push(...planned.value);
  }
  return ok(plans);
}

/** Asks whether each change would be taken, before the first is made: an API server has admission, and the rights of who asks. */
async function tryAll(filters: readonly WasmFilter[], fleet: FleetClient, values: Values, terminal: Terminal): Promise<Result<void>> {
  for (const filter of filters) {
    const patch = patchOf(filter, values.to);
    const conflicts = fieldConflicts(filter, patch);
    if (conflicts.length > 0 && !values["force-conflicts"]) return refuseConflicts(filter, conflicts);
    const tried = await fleet.patch(keyOf(filter), patch, { dryRun: true, seen: filter });
    if (!tried.ok) return tried;
    if (conflicts.length > 0) printNote(describeConflicts(filter, conflicts), terminal);
  }
  return ok(undefined);
}

function patchOf({ spec }: WasmFilter, image: string): FilterPatch {
  return { image, ...(spec.digest === undefined ? {} : { digest: null }) };
}

function nothingChanged(error: Failure): Result<never> {
  return { ok: false, error: { ...error, message: `${error.message}; nothing was changed` } };
}

function refusalsOf(refused: readonly FilterPlan[]): string {
  const words = refused.slice(0, 3).map((plan) => `${filterId(plan)}: ${plan.refusal?.reason ?? "refused"}`);
  return `${words.join(", ")}${refused.length > 3 ? " and others" : ""}`;
}

async function agree(filters: number, waves: readonly number[], to: string, isJson: boolean, terminal: Terminal): Promise<Result<boolean>> {
  if (isJson) return usage("-o json asks nobody: give --yes");
  const agreed = await confirm(`Move ${count(filters, "filter")} to ${to}, in waves of ${waves.join(", ")}?`, terminal);
  return agreed === undefined ? usage("nobody can be asked here: --yes goes on after the plan") : ok(agreed);
}

/** Moves filters wave by wave. */
class Mover {
  private readonly fleet: FleetClient;
  private readonly values: Values;
  private readonly isQuiet: boolean;
  private readonly timeoutMs: number;
  private readonly terminal: Terminal;
  private readonly signal: AbortSignal;
  readonly moved: { readonly namespace: string; readonly name: string; readonly before: string }[] = [];

  constructor(fleet: FleetClient, values: Values, isQuiet: boolean, timeoutMs: number, terminal: Terminal, signal: AbortSignal) {
    this.fleet = fleet;
    this.values = values;
    this.isQuiet = isQuiet;
    this.timeoutMs = timeoutMs;
    this.terminal = terminal;
    this.signal = signal;
  }

  async moveAll(filters: readonly WasmFilter[], waves: readonly number[]): Promise<Result<void>> {
    let at = 0;
    for (const [index, size] of waves.entries()) {
      const wave = filters.slice(at, at + size);
      at += size;
      this.say(`wave ${index + 1} of ${waves.length}: ${wave.length} of ${filters.length} filters\n`);
      const done = await this.moveWave(wave);
      if (!done.ok) return this.stopped(done.error, filters.length);
    }
    return ok(undefined);
  }

  private async moveWave(wave: readonly WasmFilter[]): Promise<Result<void>> {
    for (const filter of wave) {
      if (this.signal.aborted) return fail("Stopped", "stopped");
      const key = keyOf(filter);
      const done = await this.fleet.patch(key, patchOf(filter, this.values.to), { seen: filter });
      if (!done.ok) return done;
      const { spec } = filter;
      this.moved.push({ ...key, before: spec.digest === undefined ? (spec.image ?? "") : `${spec.image}, pinned to ${spec.digest}` });
    }
    return this.settle(wave);
  }

  /** Waits until each of them is in force. */
  private async settle(wave: readonly WasmFilter[]): Promise<Result<void>> {
    const waiting = new Map(wave.map((filter) => [filterId(keyOf(filter)), ""]));
    const end = this.terminal.now() + this.timeoutMs;
    for (;;) {
      const listed = await this.fleet.list(this.values["all-namespaces"] ? undefined : this.fleet.namespace);
      if (!listed.ok) return listed;
      const standings = new Map(listed.value.map((filter) => [filterId(keyOf(filter)), standingOf(filter)]));
      for (const id of [...waiting.keys()]) {
        const standing = standings.get(id);
        if (standing === undefined) return fail("NotInForce", `${id} was deleted`);
        if (standing.kind === "failed") return fail("NotInForce", `${id} failed: ${standing.message}`);
        waiting.set(id, standing.message);
        if (standing.kind === "waiting") continue;
        waiting.delete(id);
        this.say(`  ${id} is in force\n`);
      }
      if (waiting.size === 0) return ok(undefined);
      if (this.signal.aborted) return fail("Stopped", "stopped");
      if (this.terminal.now() >= end) return this.late(waiting);
      await sleep(LOOK_MS, undefined, { signal: this.signal }).catch(() => {});
    }
  }

  private late(waiting: ReadonlyMap<string, string>): Result<never> {
    const left = [...waiting].slice(0, 3).map(([id, why]) => `${id} (${why})`);
    const verb = waiting.size === 1 ? "is" : "are";
    return fail("NotInForce", `${count(waiting.size, "filter")} ${verb} not in force after ${this.values.timeout}: ${left.join(", ")}`);
  }

  private stopped(error: Failure, all: number): Result<never> {
    if (this.moved.length === 0) return nothingChanged(error);
    const { base, to } = this.values;
    // Of a repository without a tag each was on its own.
    const back = isAnyTag(base) ? "`weir history NAME` shows what each was on" : `weir bump --base ${to} --to ${base} takes them back`;
    const message = `${error.message}; ${this.moved.length} of ${count(all, "filter")} moved, which stays so: ${back}`;
    return { ok: false, error: { ...error, message } };
  }

  private say(text: string): void {
    if (!this.isQuiet) this.terminal.out(text);
  }
}
