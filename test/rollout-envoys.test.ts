import assert from "node:assert/strict";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { proxyKey } from "../model/proxy-key.ts";
import { pushModule } from "../oci/index.ts";
import { threshold } from "../operator/index.ts";
import { type Fault, faults, faultyFilter, SLOW_MS, shows } from "./support/faulty.ts";
import { FILTER, type Release, type RolloutScene, startRolloutScene, type WatchedProxy } from "./support/rollout-scene.ts";
import { waveLineOf } from "./support/wave-line.ts";
import { weir } from "./support/weir.ts";

const PROXIES = 8;
const ROLLOUTS = Number(process.env.WEIR_ROLLOUTS ?? 50);
const SEED = Number(process.env.WEIR_SEED ?? Math.floor(Math.random() * 2 ** 31));
const STEPS = [{ percent: 25, hold: "3s" }, { percent: 100 }];
/** Two proxies with a slow module serve some 9 requests a second, and the first second is not counted. */
const ANALYSIS = { minRequests: 10 };

/** Every fault in turn, in an order of its own each round, half of all rollouts good. */
function plan(): Fault[] {
  const bad = faults.filter((fault) => fault !== "good" && shows[fault] !== "demand");
  const round = fc.shuffledSubarray([...bad, ...bad.map(() => "good" as const)], { minLength: 2 * bad.length });
  return fc
    .sample(round, { seed: SEED, numRuns: Math.ceil(ROLLOUTS / (2 * bad.length)) })
    .flat()
    .slice(0, ROLLOUTS);
}

/** The proxies of the first wave, by the rule that docs/rollout.md gives. */
function firstWave(scene: RolloutScene): readonly WatchedProxy[] {
  const line = waveLineOf(join(scene.folder, "data"));
  const at = ({ node }: WatchedProxy) => line.position("hmac", `default/${FILTER}`, proxyKey("default", node));
  const end = threshold(25, scene.proxies.map(at), 0);
  return scene.proxies.filter((proxy) => at(proxy) < end);
}

interface Story {
  readonly release: Release;
  readonly outcome: string;
  readonly failed: number;
  /** From the first faulty answer to the first good one of the last proxy, in milliseconds; `undefined` when no request met the fault. */
  readonly faultyMs: number | undefined;
  readonly ms: number;
}

/** What the clients of one proxy saw of a release that was to be taken back: from the first sign of it to the last. */
function faultyTime({ sights }: WatchedProxy, from: number, release: Release): readonly [number, number] | undefined {
  const seen = sights.slice(from).filter(({ value }) => value === "failed" || value === `${release.number}`);
  const [first, last] = [seen[0], seen.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  return [first.at, sights[sights.indexOf(last) + 1]?.at ?? Number.POSITIVE_INFINITY];
}

async function rollOut(scene: RolloutScene, wave: readonly WatchedProxy[], number: number, fault: Fault, good: Release): Promise<Story> {
  const before = scene.proxies.map(({ sights, traffic }) => ({ sight: sights.length, failed: traffic.totals().failed }));
  const started = performance.now();
  const release = await scene.release(number, fault);
  const outcome = await scene.outcome(release);
  const what = `release ${number} (${fault})`;
  const expected = { never: "Succeeded", preflight: "Refused", proxy: "RolledBack", traffic: "RolledBack", demand: "Succeeded" }[
    shows[fault]
  ];
  assert.equal(outcome, expected, `${what}\n${scene.server.logs().slice(-3_000)}`);
  await scene.allRun(fault === "good" ? release : good);
  let failed = 0;
  const faulty: (readonly [number, number])[] = [];
  for (const [i, proxy] of scene.proxies.entries()) {
    const was = before[i];
    assert.ok(was);
    const failures = proxy.traffic.totals().failed - was.failed;
    failed += failures;
    const mayFail = shows[fault] === "traffic" && wave.includes(proxy);
    assert.ok(mayFail || failures === 0, `${what}: ${failures} requests failed on ${proxy.node}: ${proxy.traffic.totals().samples}`);
    const time = fault === "good" ? undefined : faultyTime(proxy, was.sight, release);
    if (time === undefined) continue;
    assert.ok(mayFail, `${what} was in force on ${proxy.node}`);
    faulty.push(time);
  }
  assert.equal(faulty.length > 0, shows[fault] === "traffic", `${what}: its fault shows under traffic and nowhere else`);
  const faultyMs =
    faulty.length === 0 ? undefined : Math.max(...faulty.map(([, end]) => end)) - Math.min(...faulty.map(([start]) => start));
  return { release, outcome, failed, faultyMs, ms: performance.now() - started };
}

function figures(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]?.toFixed(0);
  return `median ${at(0.5)} ms, p90 ${at(0.9)} ms, longest ${at(1)} ms`;
}

test(`${ROLLOUTS} rollouts, good and bad, to ${PROXIES} Envoys under traffic`, { timeout: 900_000 }, async (t) => {
  t.diagnostic(`seed ${SEED} (WEIR_SEED repeats it)`);
  const scene = await startRolloutScene({ proxies: PROXIES, pauseMs: 25, rollout: { steps: STEPS, analysis: ANALYSIS } });
  t.after(scene.stop);
  const wave = firstWave(scene);
  assert.equal(wave.length, 2);
  const stories: Story[] = [];
  let good = scene.first;
  for (const [i, fault] of plan().entries()) {
    const story = await rollOut(scene, wave, i + 1, fault, good);
    stories.push(story);
    if (fault === "good") good = story.release;
  }
  const totals = await Promise.all(scene.proxies.map(({ traffic }) => traffic.stop()));
  const sum = (pick: (of: (typeof totals)[number]) => number) => totals.reduce((total, of) => total + pick(of), 0);
  t.diagnostic(
    `${sum(({ sent }) => sent)} requests, ${sum(({ failed }) => failed)} failed, ${sum(({ unfiltered }) => unfiltered)} unfiltered`,
  );
  for (const fault of faults) {
    const of = stories.filter(({ release }) => release.fault === fault);
    const times = of.flatMap(({ faultyMs }) => (faultyMs === undefined ? [] : [faultyMs]));
    const back = times.length === 0 ? "" : `; first fault to last proxy back: ${figures(times)}`;
    const failed = of.reduce((total, story) => total + story.failed, 0);
    t.diagnostic(`${fault} x ${of.length}: ${of[0]?.outcome} after ${figures(of.map(({ ms }) => ms))}; ${failed} requests failed${back}`);
  }
  assert.equal(
    sum(({ unfiltered }) => unfiltered),
    0,
    totals.flatMap(({ samples }) => samples.filter((text) => text.startsWith("200")))[0],
  );
  const slowest = Math.max(...stories.map(({ faultyMs }) => faultyMs ?? 0));
  assert.ok(slowest < 20_000, `a fault was in force for ${slowest} ms`);
  assert.ok(
    wave.every(({ sights }) => sights.some(({ longest }) => longest >= SLOW_MS)),
    "no request met a slow module",
  );
});

test("going back by hand: registry gone, operator just started, tag moved meanwhile", { timeout: 120_000 }, async (t) => {
  const scene = await startRolloutScene({ proxies: PROXIES, pauseMs: 25, rollout: { steps: STEPS } });
  t.after(scene.stop);
  const { server, folder, proxies, first } = scene;
  const second = await scene.release(1, "good");
  assert.equal(await scene.outcome(second), "Succeeded");
  await scene.allRun(second);
  await pushTo(second.image, folder);
  await rename(join(folder, "images"), join(folder, "gone"));
  await server.kill();
  await server.start();
  const started = performance.now();
  const said = await weir(["rollback", FILTER, "--to", "1", "--filters", "filters", "--server", server.url], { cwd: folder });
  const told = performance.now();
  await scene.allRun(first);
  const back = Math.max(...proxies.map(({ sights }) => sights.at(-1)?.at ?? 0));
  t.diagnostic(
    `${PROXIES} proxies back ${(back - told).toFixed(0)} ms after \`weir rollback\` said so, which took ${(told - started).toFixed(0)} ms`,
  );
  assert.match(said, new RegExp(first.digest));
  await server.until("the old revision to be stable", FILTER, ({ status }) => status?.stableRevision === 1);
  assert.equal((await server.filter(FILTER))?.status?.history?.length, 2);
  for (const { traffic } of proxies) {
    const { failed, unfiltered, samples } = await traffic.stop();
    assert.deepEqual({ failed, unfiltered, samples }, { failed: 0, unfiltered: 0, samples: [] });
  }
});

test("a proxy that dies when it has the revision takes it back", { timeout: 120_000 }, async (t) => {
  const scene = await startRolloutScene({ proxies: 4, pauseMs: 25, rollout: { steps: [{ percent: 25, hold: "15s" }, { percent: 100 }] } });
  t.after(scene.stop);
  const [victim] = firstWave(scene);
  assert.ok(victim !== undefined);
  const release = await scene.release(1, "good");
  await scene.server.until("the first wave", FILTER, ({ status }) => status?.rollout?.state === "Holding" && status.revision === 2);
  const killed = performance.now();
  process.kill(victim.envoy.pid, "SIGKILL");
  assert.equal(await scene.outcome(release), "RolledBack");
  t.diagnostic(`rolled back ${(performance.now() - killed).toFixed(0)} ms after the proxy was killed`);
  const status = (await scene.server.filter(FILTER))?.status;
  assert.match(status?.rollout?.message ?? "", new RegExp(`^ProxyVanished: 1 of 1 proxies .*${victim.node}`));
  assert.deepEqual(status?.proxies, { matched: 4, updated: 3, rejected: 0, pending: 1 });
  for (const { node, sights } of scene.proxies)
    if (node !== victim.node)
      assert.deepEqual(
        sights.map(({ value }) => value),
        ["0"],
        node,
      );
});

/** Another module under the tag that the manifest names. */
async function pushTo(image: string, folder: string): Promise<void> {
  const pushed = await pushModule(image, await faultyFilter("good", "moved"), { keychain: new Map(), layoutBase: folder });
  assert.ok(pushed.ok);
}
