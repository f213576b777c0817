import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { eventually } from "./support/process.ts";
import { FILTER, type RolloutScene, startRolloutScene } from "./support/rollout-scene.ts";

const PROXIES = 3;
/** From the first answer of a bad revision to the last: reports come once a second, and a fault takes two of them. */
const WITHIN_MS = 20_000;

let scene: RolloutScene;

before(async () => {
  // As a spec without `rollout`: it names no steps.
  scene = await startRolloutScene({ proxies: PROXIES, pauseMs: 4, rollout: {} });
});

after(() => scene?.stop());

const isReady = ({ status }: WasmFilter) => status?.conditions?.some((each) => each.type === "Ready" && each.status === "True") === true;

/** Requests so far, and those that failed. */
function counted(): { sent: number; failed: number } {
  const totals = scene.proxies.map(({ traffic }) => traffic.totals());
  const sum = (of: (each: (typeof totals)[number]) => number) => totals.reduce((total, each) => total + of(each), 0);
  return { sent: sum(({ sent }) => sent), failed: sum(({ failed }) => failed) };
}

const anyFails = () => scene.proxies.some(({ sights }) => sights.at(-1)?.value === "failed");

async function allBack(): Promise<void> {
  await eventually("every proxy to answer as before", () => scene.proxies.every(({ sights }) => sights.at(-1)?.value === "0"), 30_000, 5);
}

test("without steps, a module that answers 500 to everything is taken back by itself", { timeout: 120_000 }, async (t) => {
  const from = counted();
  const release = await scene.release(1, "answers500");
  await eventually("the first failure", anyFails, 20_000, 5);
  const began = performance.now();
  await allBack();
  const ms = performance.now() - began;
  const { sent, failed } = counted();
  const all = sent - from.sent;
  t.diagnostic(
    `${failed - from.failed} of ${all} requests failed, in ${ms.toFixed(0)} ms from the first failure to the last proxy that was well again`,
  );
  assert.equal(await scene.outcome(release), "RolledBack");
  assert.ok(ms < WITHIN_MS, `${ms} ms`);
  const { status } = (await scene.server.filter(FILTER)) ?? {};
  assert.match(status?.history?.[0]?.message ?? "", /^ErrorsRose: /);
  assert.equal(status?.stableRevision, 1);
});

test("an operator that is killed while it watches one goes on and takes it back", { timeout: 120_000 }, async (t) => {
  const release = await scene.release(2, "answers500");
  await eventually("the first failure", anyFails, 20_000, 5);
  await scene.server.kill();
  await scene.server.start();
  const began = performance.now();
  await allBack();
  t.diagnostic(`taken back ${(performance.now() - began).toFixed(0)} ms after the start`);
  assert.equal(await scene.outcome(release), "RolledBack");
});

test("a good one is Ready when every proxy runs it, stable 15 s later, and no request fails", { timeout: 120_000 }, async (t) => {
  const { failed } = counted();
  const began = performance.now();
  const release = await scene.release(3, "good");
  const asked = (filter: WasmFilter) => filter.spec.image === release.image && filter.status?.digest === release.digest;
  let readyMs = 0;
  const watched = await scene.server.until("Ready", FILTER, (filter) => {
    const is = asked(filter) && isReady(filter);
    // When it was looked at last and was not yet: Ready itself may be seen late.
    if (!is) readyMs = performance.now() - began;
    return is;
  });
  await eventually("every proxy to run it", () => scene.proxies.every(({ sights }) => sights.at(-1)?.value === "3"), 20_000, 5);
  assert.equal(watched.status?.rollout?.state, "Holding");
  assert.equal(watched.status?.stableRevision, 1);
  assert.equal(watched.status?.conditions?.find(({ type }) => type === "Reconciling")?.reason, "Watching");
  assert.equal(await scene.outcome(release), "Succeeded");
  const ms = performance.now() - began;
  t.diagnostic(`Ready after ${readyMs.toFixed(0)} ms, stable after ${ms.toFixed(0)} ms`);
  assert.ok(ms - readyMs > 14_000);
  assert.equal(counted().failed, failed);
  const done = await scene.server.until("the end of the watch", FILTER, ({ status }) => status?.stableRevision === status?.revision);
  assert.equal(
    done.status?.conditions?.some(({ type }) => type === "Reconciling"),
    false,
  );
});
