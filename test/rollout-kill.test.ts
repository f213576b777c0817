import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { proxyKey } from "../model/proxy-key.ts";
import { threshold } from "../operator/index.ts";
import { type Fault, shows } from "./support/faulty.ts";
import { FILTER, type Release, type RolloutScene, startRolloutScene, type WatchedProxy } from "./support/rollout-scene.ts";
import { waveLineOf } from "./support/wave-line.ts";

const PROXIES = 4;
const KILLS = Number(process.env.WEIR_KILLS ?? 15);
const SEED = Number(process.env.WEIR_SEED ?? Math.floor(Math.random() * 2 ** 31));
const HOLD_MS = 1_000;
const STEPS = [{ percent: 25, hold: `${HOLD_MS}ms` }, { percent: 50, hold: `${HOLD_MS}ms` }, { percent: 100 }];
/** Longer than any of these rollouts takes when nobody disturbs it: some kills come when all is over. */
const LATEST_KILL_MS = 5_000;
/** Between a proxy's acknowledgement and the first answer that its client sees under the new filter. */
const SIGHT_MS = 400;

interface Attempt {
  readonly fault: Fault;
  readonly killAfterMs: number;
}

const attempt: fc.Arbitrary<Attempt> = fc.record({
  fault: fc.constantFrom("good", "good", "trapsOnTraffic", "answers500", "refusesOnProxy", "refusesLateOnProxy"),
  killAfterMs: fc.integer({ min: 0, max: LATEST_KILL_MS }),
});

/** Which wave (from 0) each proxy is in, by the rule that docs/rollout.md gives. */
function wavesOf({ folder, proxies }: RolloutScene): Map<WatchedProxy, number> {
  const line = waveLineOf(join(folder, "data"));
  const at = ({ node }: WatchedProxy) => line.position("hmac", `default/${FILTER}`, proxyKey("default", node));
  const ends = STEPS.map(({ percent }) => threshold(percent, proxies.map(at), 0));
  return new Map(proxies.map((proxy) => [proxy, ends.findIndex((end) => at(proxy) < end)]));
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What the status said about the rollout before the kill must still hold after the restart. */
function assertResumed(before: WasmFilter | undefined, after: WasmFilter | undefined, what: string): void {
  const [was, now] = [before?.status, after?.status];
  assert.ok(now !== undefined, `${what}: no status after the restart`);
  assert.equal(now.stableRevision === was?.stableRevision || now.stableRevision === was?.revision, true, `${what}: stable was lost`);
  if (was?.revision !== now.revision) return;
  assert.equal(now.rollout?.startTime, was?.rollout?.startTime, `${what}: the rollout began anew`);
  assert.ok((now.rollout?.step ?? 0) >= (was?.rollout?.step ?? 0), `${what}: the rollout went back a wave`);
}

/** When a proxy ran the release first; checks that it never ran anything else than stable and release, nor took either up twice. */
function firstSight({ node, sights }: WatchedProxy, from: number, release: Release, good: Release, mayFail: boolean): number | undefined {
  const seen = sights.slice(Math.max(0, from - 1));
  const values = seen.map(({ value }) => value).filter((value) => value !== "failed");
  const course = values.filter((value, i) => value !== values[i - 1]);
  const [s, t] = [`${good.number}`, `${release.number}`];
  const allowed = release.fault === "good" ? [[s, t]] : [[s], [s, t, s]];
  const what = `release ${t} (${release.fault}) on ${node}: ${JSON.stringify(course)}`;
  assert.ok(
    allowed.some((each) => JSON.stringify(each) === JSON.stringify(course)),
    what,
  );
  const failed = seen.find(({ value }) => value === "failed");
  assert.ok(failed === undefined || mayFail, `${what}: ${failed?.count} requests failed: ${failed?.detail}`);
  return failed?.at ?? seen.find(({ value }) => value === t)?.at;
}

/** Runs a check; when it fails, its message begins with what was going on. */
function told<T>(what: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof assert.AssertionError ? new Error(`${error.message}\n${what}`) : error;
  }
}

async function attemptOne(scene: RolloutScene, waves: Map<WatchedProxy, number>, number: number, plan: Attempt, good: Release) {
  const { server, proxies } = scene;
  // After a start waves wait for as many proxies as the last status counted.
  await server.until("the status to count every proxy", FILTER, ({ status }) => status?.proxies?.matched === PROXIES);
  const from = proxies.map(({ sights }) => sights.length);
  const release = await scene.release(number, plan.fault);
  await pause(plan.killAfterMs);
  const before = await server.filter(FILTER);
  const killed = server.logs().slice(-2_000);
  await server.kill();
  await server.start();
  const what = `release ${number} (${plan.fault}), killed after ${plan.killAfterMs} ms at wave ${before?.status?.rollout?.step} (${before?.status?.rollout?.state})`;
  assertResumed(before, await server.filter(FILTER), what);
  const outcome = await scene.outcome(release);
  assert.equal(outcome, plan.fault === "good" ? "Succeeded" : "RolledBack", what);
  await scene.allRun(plan.fault === "good" ? release : good);
  const history = `before:\n${killed}\nafter:\n${server.logs().slice(-3_000)}`;
  const firstOfWave = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  // When the first of each wave answered as before for the last time: a busy machine may show what is new late, and never early.
  const left = [...firstOfWave];
  for (const [i, proxy] of proxies.entries()) {
    const wave = waves.get(proxy) ?? 0;
    const mayFail = shows[plan.fault] === "traffic" && wave === 0;
    const at = told(`${what}\n${history}`, () => firstSight(proxy, from[i] ?? 0, release, good, mayFail));
    if (at === undefined) continue;
    firstOfWave[wave] = Math.min(firstOfWave[wave] ?? at, at);
    const asBefore = proxy.sights[proxy.sights.findIndex((sight) => sight.at === at) - 1]?.until ?? at;
    left[wave] = Math.min(left[wave] ?? at, asBefore);
  }
  if (plan.fault !== "good") {
    assert.deepEqual(firstOfWave.slice(1), [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY], `${what}: ran outside its wave`);
  } else {
    for (const wave of [1, 2]) {
      const gap = (firstOfWave[wave] ?? 0) - (left[wave - 1] ?? 0);
      told(history, () =>
        assert.ok(gap >= HOLD_MS - SIGHT_MS, `${what}: wave ${wave + 1} began ${gap} ms after the one before: ${firstOfWave}`),
      );
    }
  }
  return {
    release,
    state: `${before?.status?.rollout?.state} ${before?.status?.revision === number + 1 ? before.status.rollout?.step : "before"}`,
  };
}

test(`an operator killed ${KILLS} times during rollouts goes on where it was`, { timeout: 1_500_000 }, async (t) => {
  t.diagnostic(`seed ${SEED} (WEIR_SEED repeats it)`);
  const scene = await startRolloutScene({ proxies: PROXIES, pauseMs: 20, rollout: { steps: STEPS, analysis: { minRequests: 10 } } });
  t.after(scene.stop);
  const waves = wavesOf(scene);
  assert.deepEqual([...waves.values()].sort(), [0, 1, 2, 2]);
  const states = new Map<string, number>();
  let good = scene.first;
  for (const [i, plan] of fc.sample(attempt, { seed: SEED, numRuns: KILLS }).entries()) {
    const { release, state } = await attemptOne(scene, waves, i + 1, plan, good);
    states.set(state, (states.get(state) ?? 0) + 1);
    if (plan.fault === "good") good = release;
  }
  const totals = await Promise.all(scene.proxies.map(({ traffic }) => traffic.stop()));
  const sum = (pick: (of: (typeof totals)[number]) => number) => totals.reduce((total, of) => total + pick(of), 0);
  t.diagnostic(
    `${sum(({ sent }) => sent)} requests, ${sum(({ failed }) => failed)} failed, ${sum(({ unfiltered }) => unfiltered)} unfiltered`,
  );
  t.diagnostic(`killed at (state, wave): ${[...states].map(([state, count]) => `${state} x ${count}`).join(", ")}`);
  assert.equal(
    sum(({ unfiltered }) => unfiltered),
    0,
  );
});
