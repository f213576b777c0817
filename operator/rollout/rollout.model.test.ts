import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createWorld, specOf, type World } from "../testing/world.ts";
import { position } from "./wave.ts";

const IMAGE = "registry.example/filters/f:1";
const FILTER = "default/f";
const STEPS = [{ percent: 25, hold: "20s" }, { percent: 50, hold: "20s" }, { percent: 100 }];

type Step =
  | { kind: "connect" | "disconnect" | "answer"; proxy: number }
  | { kind: "push"; bad: boolean }
  | { kind: "pin"; which: number }
  | { kind: "unpin" | "restart" | "pause" | "resume" | "outage" | "recovery" | "abort" }
  | { kind: "wait"; ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("connect" as const, "disconnect" as const), proxy: fc.nat(7) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("answer" as const), proxy: fc.nat(7) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("push" as const), bad: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("pin" as const), which: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("unpin", "restart", "pause", "resume", "outage", "recovery", "abort") as fc.Arbitrary<"unpin">,
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(500, 6_000, 21_000) }) },
);

/** One run: the world, what was done to it, and what every acknowledgement is held against. */
interface Run {
  readonly world: World;
  readonly digests: string[];
  readonly badTexts: Set<string>;
  readonly connected: Set<string>;
  spec: { pin?: string; paused: boolean; abort?: string };
  pushed: number;
  /** proxy -> digest -> how often it was taken up under the present generation and tag. */
  taken: Map<string, Map<string, number>>;
  readonly seenOnce: Set<string>;
}

function apply(run: Run): void {
  const annotations: Record<string, string> = {};
  if (run.spec.paused) annotations["weir.dev/rollout-paused"] = "true";
  if (run.spec.abort !== undefined) annotations["weir.dev/rollout-abort"] = run.spec.abort;
  const digest = run.spec.pin === undefined ? {} : { digest: run.spec.pin };
  run.world.source.apply("f", specOf(IMAGE, { pullPolicy: "Always", interval: "5s", rollout: { steps: STEPS }, ...digest }), {
    annotations,
  });
}

function watchAcknowledgements(run: Run): void {
  const { world } = run;
  world.fleet.rejects = (entry) => (run.badTexts.has(entry.digest) ? `Unable to create Wasm plugin ${FILTER}` : undefined);
  world.fleet.onAck = (id, chain) => {
    const entry = chain[0];
    const status = world.source.statusOf("f");
    if (entry === undefined) {
      assert.ok(!run.seenOnce.has(id), `${id} lost a filter that it had`);
      return;
    }
    run.seenOnce.add(id);
    const proven = status?.history?.some((item) => item.digest === entry.digest && item.result === "Succeeded") ?? false;
    const threshold = status?.rollout?.threshold ?? 0;
    const inWave = status?.revision === entry.revision && position(FILTER, id) < threshold;
    assert.ok(proven || inWave, `${id} took the unproven revision ${entry.revision} outside its wave`);
    const times = run.taken.get(id) ?? new Map<string, number>();
    times.set(entry.digest, (times.get(entry.digest) ?? 0) + 1);
    run.taken.set(id, times);
    if (!proven) assert.ok((times.get(entry.digest) ?? 0) <= 1, `${id} took revision ${entry.revision} up twice under one spec`);
  };
}

async function perform(run: Run, action: Step): Promise<void> {
  const { world, spec } = run;
  switch (action.kind) {
    case "connect":
      run.connected.add(`p${action.proxy}`);
      world.fleet.connect(`p${action.proxy}`);
      return world.clock.advance(1);
    case "disconnect":
      run.connected.delete(`p${action.proxy}`);
      world.fleet.disconnect(`p${action.proxy}`);
      return world.clock.advance(1);
    case "answer":
      world.fleet.answer(`p${action.proxy}`);
      return world.clock.advance(1);
    case "push": {
      const digest = world.registry.push(IMAGE, `module ${run.pushed++}`);
      run.digests.push(digest);
      if (action.bad) run.badTexts.add(digest);
      run.taken = new Map();
      return;
    }
    case "pin": {
      const digest = run.digests[action.which % run.digests.length];
      run.spec = { ...spec, ...(digest === undefined ? {} : { pin: digest }) };
      run.taken = new Map();
      break;
    }
    case "unpin":
      run.spec = { paused: spec.paused };
      run.taken = new Map();
      break;
    case "pause":
    case "resume":
      run.spec = { ...spec, paused: action.kind === "pause" };
      break;
    case "abort":
      run.spec = { ...spec, abort: String(world.source.statusOf("f")?.revision ?? 0) };
      break;
    case "restart":
      return world.restart();
    case "outage":
    case "recovery":
      world.source.down = action.kind === "outage";
      return;
    case "wait":
      return world.clock.advance(action.ms);
  }
  apply(run);
  return world.clock.advance(1);
}

test("whatever happens, rollouts keep their rules and converge once nothing happens any more", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const world = createWorld();
      const run: Run = {
        ...{ world, digests: [], badTexts: new Set(), connected: new Set(), seenOnce: new Set(), pushed: 0 },
        spec: { paused: false },
        taken: new Map(),
      };
      watchAcknowledgements(run);
      await perform(run, { kind: "push", bad: false });
      await world.start();
      for (const proxy of [0, 1, 2, 3]) await perform(run, { kind: "connect", proxy });
      apply(run);
      await world.run(21_000);
      for (let i = 0; i < 4; i++) await world.run(21_000);
      for (const action of steps) await perform(run, action);
      world.source.down = false;
      run.spec = { ...run.spec, paused: false };
      apply(run);
      for (let i = 0; i < 20; i++) await world.run(21_000);
      const status = world.source.statusOf("f");
      assert.ok(["Succeeded", "RolledBack"].includes(status?.rollout?.state ?? ""), `ended ${status?.rollout?.state}`);
      for (const id of run.connected)
        assert.equal(world.fleet.running(id)[0]?.digest, status?.digest, `${id} does not run the stable digest`);
      assert.equal(status?.proxies?.matched, run.connected.size);
      await world.operator.stop();
    }),
    { numRuns: Number(process.env.WEIR_PROPERTY_RUNS ?? 60) },
  );
});
