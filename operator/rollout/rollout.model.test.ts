import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Chain, ChainEntry } from "../../model/delivery.ts";
import type { WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import { live } from "../testing/live.ts";
import { createWorld, positionOf, specOf, type World } from "../testing/world.ts";

/** Two filters in one slot, each with a tag that moves: `f` goes by steps, `g` to everyone at once. */
const FILTERS = ["f", "g"] as const;
type Name = (typeof FILTERS)[number];
const imageOf = (name: Name) => `registry.example/filters/${name}:1`;
const DARK = { match: [{ headers: [{ name: "x-canary", exact: "1" }] }], percent: 50, hold: "20s" };
const ROLLOUT = { steps: [DARK, { percent: 25, hold: "20s" }, { percent: 50, hold: "20s" }, { percent: 100 }], progressDeadline: "90s" };
const POLICY = { f: ROLLOUT, g: { progressDeadline: ROLLOUT.progressDeadline } };
const STEPS = { f: ROLLOUT.steps, g: [{ percent: 100 }] };
const PROXIES = 8;

type OfProxy = "connect" | "disconnect" | "renew" | "answer";
type OfFilter = "unpin" | "config" | "pause" | "resume" | "abort" | "promote" | "suspend" | "unsuspend";
type OfWorld = "restart" | "outage" | "recovery" | "anonymous" | "named" | "live";

type Step =
  | { kind: OfProxy; proxy: number }
  | { kind: OfFilter; name: Name }
  | { kind: OfWorld }
  | { kind: "push"; name: Name; bad: boolean }
  | { kind: "pin"; name: Name; which: number }
  | { kind: "wait" | "jump"; ms: number };

const proxy = fc.nat(PROXIES - 1);
const name = fc.constantFrom(...FILTERS);
const oneOf = <K extends string>(...kinds: K[]) => fc.constantFrom(...kinds);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: oneOf<OfProxy>("connect", "disconnect", "renew"), proxy }) },
  { weight: 8, arbitrary: fc.record({ kind: oneOf<OfProxy>("answer"), proxy }) },
  { weight: 4, arbitrary: fc.record({ kind: oneOf("push"), name, bad: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: oneOf("pin"), name, which: fc.nat(9) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: oneOf<OfFilter>("unpin", "config", "pause", "resume", "abort", "promote", "suspend", "unsuspend"),
      name,
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: oneOf<OfWorld>("restart", "outage", "recovery", "anonymous", "named") }) },
  { weight: 6, arbitrary: fc.record({ kind: oneOf<OfWorld>("live") }) },
  { weight: 4, arbitrary: fc.record({ kind: oneOf("wait"), ms: fc.constantFrom(500, 6_000, 21_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: oneOf("jump"), ms: fc.constantFrom(-1_800_000, -10_000, 10_000, 1_800_000) }) },
);

interface Wanted {
  pin?: string | undefined;
  config: number;
  suspend: boolean;
  annotations: Record<string, string>;
}

/** One run: the world, what was done to it, and what every acknowledgement is held against. */
interface Run {
  readonly world: World;
  readonly digests: Record<Name, string[]>;
  readonly bad: Set<string>;
  readonly connected: Set<string>;
  readonly wanted: Record<Name, Wanted>;
  pushed: number;
  /** `proxy filter` -> hash that it acknowledged last. */
  readonly last: Map<string, string>;
  /** Filter -> what its status said of its rollout last. */
  readonly told: Map<Name, WasmFilterStatus>;
  /** Filter -> what it said until the moment (of the clock) at which it said something else last. */
  readonly until: Map<Name, { readonly at: number; readonly status: WasmFilterStatus | undefined }>;
  /** Revisions that a status has called Succeeded, as `filter revision`: while one goes out again, its history does not say so. */
  readonly proven: Set<string>;
  /** The first rule that a status broke: thrown where the operator cannot catch it. */
  broken: unknown;
  /** `proxy filter hash` -> how often it was taken up since what was wanted of the filter changed. */
  readonly taken: Map<string, number>;
}

function apply({ world, wanted }: Run, filter: Name): void {
  const { pin, config, suspend, annotations } = wanted[filter];
  const spec = { pullPolicy: "Always", interval: "5s", rollout: POLICY[filter], config: { config }, suspend } as const;
  world.source.apply(filter, specOf(imageOf(filter), { ...spec, ...(pin === undefined ? {} : { digest: pin }) }), { annotations });
}

/** From here on this filter may be taken up once more. */
function wantAnew({ taken }: Run, filter: Name): void {
  for (const key of taken.keys()) if (key.includes(` ${filter} `)) taken.delete(key);
}

function isProven(status: WasmFilterStatus | undefined, revision: number): boolean {
  return status?.history?.some((item) => item.revision === revision && item.result === "Succeeded") === true;
}

/** The rules that hold at every acknowledgement. */
function check(run: Run, id: string, chain: Chain): void {
  for (const filter of FILTERS) {
    const entry = chain.find(({ filter: key }) => key.name === filter);
    const before = run.last.get(`${id} ${filter}`);
    if (entry === undefined) {
      // A first revision leaves proxies that had it in the dark, where the next wave is smaller.
      const wasDark = before?.includes("~") === true && run.world.source.statusOf(filter)?.stableRevision === undefined;
      assert.ok(before === undefined || wasDark, `${id} lost ${filter}`);
      run.last.delete(`${id} ${filter}`);
      continue;
    }
    if (before === entry.hash) continue;
    run.last.set(`${id} ${filter}`, entry.hash);
    const status = run.world.source.statusOf(filter);
    if (isProven(status, entry.revision)) continue;
    // A status is written before proxies are sent what follows from it: what they acknowledge in that moment, the one before gave them.
    const until = run.until.get(filter);
    const statuses = until?.at === run.world.clock.now() ? [status, until.status] : [status];
    const problems = statuses.map((each) => whyNot(id, filter, entry, each));
    assert.ok(problems.includes(undefined), problems[0]);
    const key = `${id} ${filter} ${entry.hash}`;
    run.taken.set(key, (run.taken.get(key) ?? 0) + 1);
    assert.equal(run.taken.get(key), 1, `${id} took revision ${entry.revision} of ${filter} up twice`);
  }
}

/** Why a proxy may not have an unproven revision by this status. */
function whyNot(id: string, filter: Name, { dark, revision }: ChainEntry, status: WasmFilterStatus | undefined): string | undefined {
  if (dark === undefined && status?.rollout?.match !== undefined) return `${id} took ${filter} whole in a dark step`;
  if (dark !== undefined && dark.otherwise === undefined && status?.stableRevision !== undefined)
    return `${id} has no stable ${filter} any more`;
  if (dark?.otherwise !== undefined && !isProven(status, dark.otherwise.revision))
    return `${id} has an unproven revision of ${filter} beside the dark one`;
  const inWave = status?.revision === revision && positionOf(`default/${filter}`, id) < (status.rollout?.threshold ?? 0);
  return inWave ? undefined : `${id} took the unproven revision ${revision} of ${filter} outside its wave`;
}

function checkStable(run: Run): void {
  if (run.broken !== undefined) throw run.broken;
  for (const filter of FILTERS) {
    const status = run.world.source.statusOf(filter);
    const stableRevision = status?.stableRevision;
    assert.ok(stableRevision !== undefined, `${filter} lost its stable revision`);
    assert.ok(isProven(status, stableRevision), `${filter}: stable revision ${stableRevision} never succeeded`);
    if (run.world.source.down || status?.rollout?.state === "RolledBack") continue;
    assert.equal(status?.proxies?.rejected, 0, `${filter}: a proxy rejected revision ${status?.revision}, and it is still going out`);
  }
}

/**
 * The rules of a status that is written. A new wave takes in no more of the living proxies than its step says (one at least), whatever came before it;
 * the present wave keeps its end and its start, over restarts too.
 */
function checkStatus(run: Run, filter: Name, status: WasmFilterStatus): void {
  const { told, connected, world } = run;
  const before = told.get(filter)?.rollout;
  checkWatch(run, filter, status);
  for (const { revision, result } of status.history ?? []) if (result === "Succeeded") run.proven.add(`${filter} ${revision}`);
  const { rollout, revision = 0 } = status;
  const again = before?.startTime === rollout?.startTime && told.get(filter)?.revision === revision;
  if (told.get(filter)?.stableRevision !== undefined) assert.ok(status.stableRevision !== undefined, `${filter} lost its stable revision`);
  const known = told.get(filter);
  told.set(filter, status);
  const at = world.clock.now();
  if (run.until.get(filter)?.at !== at) run.until.set(filter, { at, status: known });
  if (rollout === undefined || rollout.state === "Succeeded" || rollout.state === "RolledBack") return;
  const { step = 0, threshold = 0 } = rollout;
  if (again && before?.step === step) {
    assert.equal(threshold, before.threshold, `${filter}: the wave changed its end`);
    return;
  }
  if (isProven(known, revision)) return;
  assert.ok(step === 1 || (again && step === (before?.step ?? 0) + 1), `${filter}: from wave ${before?.step} to wave ${step}`);
  const { percent } = STEPS[filter][step - 1] ?? { percent: 0 };
  // Whoever comes back later from a restart could not be counted: nobody knew of a proxy that came just before it.
  const ids = [...connected].filter((id) => world.fleet.proxy(id)?.connected);
  const inside = ids.filter((id) => positionOf(`default/${filter}`, id) < threshold).length;
  const allowed = Math.max(1, Math.floor((ids.length * percent) / 100));
  if (ids.length > 0 && threshold !== before?.threshold)
    assert.ok(inside <= allowed, `${filter}: ${inside} of ${ids.length} in a wave of ${percent}%`);
}

/**
 * The rules of a target without steps. What it is held against stays while it is watched. It is stable when it was seen in force, where there was anybody to
 * run it.
 */
function checkWatch({ told, connected, wanted, proven }: Run, filter: Name, status: WasmFilterStatus): void {
  const known = told.get(filter);
  const watch = known?.rollout?.watch;
  if (watch?.requests !== undefined && status.rollout?.startTime === known?.rollout?.startTime && status.rollout?.watch !== undefined)
    assert.deepEqual(status.rollout.watch, watch, `${filter}: what its target is held against changed`);
  if (filter === "f" || known === undefined || status.stableRevision === known.stableRevision || connected.size === 0) return;
  if (proven.has(`${filter} ${status.stableRevision}`) || known.stableRevision === undefined) return;
  // Who lets a revision go on by hand wants no watch.
  if (wanted[filter].annotations["weir.dev/rollout-promote"]?.startsWith(`${status.stableRevision}/`)) return;
  assert.ok(known.rollout?.watch !== undefined && known.rollout.holdTime !== undefined, `${filter}: stable and never seen in force`);
}

/** Whatever came before: a revision that answers 500 to all is taken back. */
async function endWithFault(run: Run): Promise<void> {
  const { world } = run;
  if (run.connected.size === 0) onProxy(run, "connect", "p0");
  run.wanted.g = { ...run.wanted.g, pin: undefined };
  wantAnew(run, "g");
  apply(run, "g");
  await live(world, 60);
  wantAnew(run, "g");
  const good = world.source.statusOf("g")?.stableRevision;
  const digest = world.registry.push(imageOf("g"), "answers 500");
  await live(world, 20, (id) => ({ errors: world.fleet.running(id).some((entry) => entry.digest === digest) ? 20 : 0 }));
  const status = world.source.statusOf("g");
  assert.equal(status?.history?.find((item) => item.digest === digest)?.result, "RolledBack");
  assert.equal(status?.stableRevision, good);
}

/** A proxy that is another process now holds nothing and may be given everything again. */
function forgetProcess({ last, taken }: Run, id: string): void {
  for (const map of [last, taken]) for (const key of map.keys()) if (key.startsWith(`${id} `)) map.delete(key);
}

function onProxy(run: Run, kind: OfProxy, id: string): void {
  const { fleet } = run.world;
  if (kind === "answer") fleet.answer(id);
  if (kind === "connect" || kind === "renew") run.connected.add(id);
  if (kind === "connect" || (kind === "renew" && fleet.proxy(id) === undefined)) fleet.connect(id);
  else if (kind === "renew") {
    forgetProcess(run, id);
    fleet.renew(id);
  }
  if (kind !== "disconnect") return;
  run.connected.delete(id);
  fleet.disconnect(id);
}

function onFilter(run: Run, kind: OfFilter, filter: Name): void {
  const { source } = run.world;
  const { annotations, ...wanted } = run.wanted[filter];
  const revision = source.statusOf(filter)?.revision ?? 0;
  if (kind === "unpin") wanted.pin = undefined;
  if (kind === "config") wanted.config++;
  if (kind === "suspend" || kind === "unsuspend") wanted.suspend = kind === "suspend";
  if (kind === "pause") annotations["weir.dev/rollout-paused"] = "true";
  if (kind === "resume") delete annotations["weir.dev/rollout-paused"];
  if (kind === "abort") annotations["weir.dev/rollout-abort"] = `${revision}`;
  if (kind === "promote") annotations["weir.dev/rollout-promote"] = `${revision}/${source.statusOf(filter)?.rollout?.step ?? 1}`;
  run.wanted[filter] = { ...wanted, annotations };
  if (!["pause", "resume", "abort", "promote"].includes(kind)) wantAnew(run, filter);
  apply(run, filter);
}

/** Proxies lose their streams, and come back one after the other. */
async function restart({ world, taken, connected }: Run): Promise<void> {
  // A rollback that could not be recorded is not known to the next operator: the one thing that may go out twice.
  if (world.source.down) taken.clear();
  world.fleet.loseMemory();
  await world.restart();
  for (const id of connected) {
    world.fleet.connect(id);
    world.fleet.answer(id);
    await world.clock.advance(300);
  }
}

async function onWorld(run: Run, kind: OfWorld): Promise<void> {
  const { world } = run;
  if (kind === "live") await world.run(21_000);
  if (kind === "anonymous" || kind === "named") world.fleet.anonymous = kind === "anonymous";
  if (kind === "outage" || kind === "recovery") world.source.down = kind === "outage";
  if (kind === "restart") await restart(run);
}

async function perform(run: Run, action: Step): Promise<void> {
  const { world } = run;
  if ("proxy" in action) onProxy(run, action.kind, `p${action.proxy}`);
  else if (action.kind === "wait") await world.clock.advance(action.ms);
  else if (action.kind === "jump") world.clock.jump(action.ms);
  else if (action.kind === "push") {
    const digest = world.registry.push(imageOf(action.name), `module ${run.pushed++}`);
    run.digests[action.name].push(digest);
    if (action.bad) run.bad.add(digest);
    wantAnew(run, action.name);
  } else if (action.kind === "pin") {
    const digests = run.digests[action.name];
    run.wanted[action.name] = { ...run.wanted[action.name], pin: digests[action.which % digests.length] };
    wantAnew(run, action.name);
    apply(run, action.name);
  } else if ("name" in action) onFilter(run, action.kind, action.name);
  else await onWorld(run, action.kind);
  await world.clock.advance(1);
  checkStable(run);
}

async function begin(): Promise<Run> {
  const world = createWorld();
  const wanted = (): Wanted => ({ config: 0, suspend: false, annotations: {} });
  const maps = { last: new Map(), told: new Map(), until: new Map(), taken: new Map(), proven: new Set<string>() };
  const run: Run = {
    ...{ world, ...maps, digests: { f: [], g: [] }, bad: new Set(), connected: new Set(), pushed: 0, broken: undefined },
    wanted: { f: wanted(), g: wanted() },
  };
  world.fleet.rejects = (entry) => (run.bad.has(entry.digest) ? `Unable to create Wasm plugin default/${entry.filter.name}` : undefined);
  world.fleet.onAck = (id, chain) => check(run, id, chain);
  world.source.onStatus = (filter, status) => {
    try {
      checkStatus(run, filter === "default/f" ? "f" : "g", status);
    } catch (error) {
      run.broken ??= error;
    }
  };
  await world.start();
  for (const filter of FILTERS) {
    run.digests[filter].push(world.registry.push(imageOf(filter), `module ${run.pushed++}`));
    apply(run, filter);
  }
  await world.run(1_000);
  for (let i = 0; i < PROXIES / 2; i++) onProxy(run, "connect", `p${i}`);
  for (let i = 0; i < 5; i++) await world.run(21_000);
  return run;
}

async function end(run: Run): Promise<void> {
  const { world } = run;
  world.source.down = false;
  for (const filter of FILTERS) {
    run.wanted[filter] = { ...run.wanted[filter], suspend: false, annotations: {} };
    wantAnew(run, filter);
    apply(run, filter);
  }
  for (let i = 0; i < 20; i++) await world.run(21_000);
  for (const filter of FILTERS) {
    const status = world.source.statusOf(filter);
    assert.ok(["Succeeded", "RolledBack"].includes(status?.rollout?.state ?? ""), `${filter} ended ${status?.rollout?.state}`);
    assert.ok(!run.bad.has(status?.digest ?? ""), `${filter}: a module that proxies refuse became stable`);
    assert.equal(status?.proxies?.matched, run.connected.size);
    for (const id of run.connected) {
      const running = world.fleet.running(id).find((entry) => entry.filter.name === filter);
      assert.equal(running?.digest, status?.digest, `${id} does not run the stable digest of ${filter}`);
    }
  }
  await endWithFault(run);
  await world.operator.stop();
}

/** Runs that broke a rule once. */
const FOUND: readonly Step[][] = [
  // A proven revision that goes out again just before a restart: its history says Progressing meanwhile.
  // A proxy acknowledges what its wave had in the very moment in which the next target's status is written, and before that is sent.
  [
    { kind: "push", name: "f", bad: false },
    { kind: "wait", ms: 6_000 },
    { kind: "connect", proxy: 0 },
    { kind: "connect", proxy: 0 },
    { kind: "jump", ms: 10_000 },
    { kind: "push", name: "f", bad: false },
  ],
  [
    { kind: "push", name: "g", bad: false },
    { kind: "live" },
    { kind: "live" },
    { kind: "pin", name: "g", which: 0 },
    { kind: "restart" },
    { kind: "live" },
  ],
  // The status that announced the second try of a rejected revision still counted the rejection of the first.
  [
    { kind: "push", name: "g", bad: false },
    { kind: "push", name: "g", bad: false },
    { kind: "push", name: "g", bad: true },
    { kind: "live" },
    { kind: "push", name: "g", bad: false },
    { kind: "connect", proxy: 4 },
    { kind: "connect", proxy: 0 },
    { kind: "pin", name: "g", which: 8 },
    { kind: "restart" },
  ],
];

test("whatever happens, rollouts keep their rules and converge once nothing happens any more", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const run = await begin();
      for (const action of steps) await perform(run, action);
      await end(run);
    }),
    { numRuns: Number(process.env.WEIR_PROPERTY_RUNS ?? 40), examples: FOUND.map((steps) => [steps]) },
  );
});
