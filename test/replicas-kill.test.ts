import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type ReplicaScene, startReplicaScene } from "./support/replica-scene.ts";
import { startTraffic } from "./support/traffic.ts";

const REPLICAS = 3;
/** How long replicas are killed, one every ten seconds, the leader every other time. */
const SECONDS = Number(process.env.WEIR_KILL_SECONDS ?? 45);
const KILL_EVERY_MS = 10_000;
const CHANGE_EVERY_MS = 3_000;

let scene: ReplicaScene;

before(async () => {
  // Envoys whose node begins with `edge` refuse a faulty module.
  scene = await startReplicaScene({ replicas: REPLICAS, proxies: 2, balanced: true, prefix: "edge" });
});

after(async () => {
  await scene?.stop();
});

/** Kills a replica and starts it again, over and over; gives how many were killed. */
async function kill(until: number): Promise<number> {
  let killed = 0;
  while (performance.now() < until) {
    await sleep(KILL_EVERY_MS);
    const leader = await scene.leader();
    const index = killed % 2 === 0 && leader !== undefined ? leader : (killed + 1) % REPLICAS;
    await scene.servers[index]?.kill();
    killed += 1;
    await sleep(1_000);
    await scene.servers[index]?.start();
  }
  return killed;
}

/** Asks for one module after the other, one in five of them faulty; gives the digest and the mark of a good one that is the last. */
async function change(until: number): Promise<{ readonly digest: string; readonly mark: string; readonly changes: number }> {
  for (let changes = 1; ; changes++) {
    const isLast = performance.now() >= until;
    const mark = `m${changes}`;
    const digest = await scene.release(mark, {}, changes % 5 === 3 && !isLast ? "refusesOnProxy" : "good");
    if (isLast) return { digest, mark, changes };
    await sleep(CHANGE_EVERY_MS);
  }
}

test("replicas are killed one after the other: no request fails or goes unfiltered, and all converge", { timeout: 300_000 }, async (t) => {
  await scene.release("m0");
  await scene.allAnswer("m0");
  const filtered = ({ headers }: { readonly headers: Readonly<Record<string, unknown>> }) => headers["x-weir"] !== undefined;
  const traffic = scene.proxies.flat().map(({ port }) => startTraffic({ port, clients: 1, pauseMs: 20, filtered }));
  const until = performance.now() + SECONDS * 1_000;
  const [killed, last] = await Promise.all([kill(until), change(until)]);
  const { status } = await scene.until(
    "the last one everywhere",
    (filter) =>
      filter.status?.digest === last.digest && filter.status.rollout?.state === "Succeeded" && filter.status.proxies?.updated === 6,
    90_000,
  );
  await scene.allAnswer(last.mark);
  assert.deepEqual(status?.proxies, { matched: 6, updated: 6, rejected: 0, pending: 0 });
  assert.ok(killed > 0);
  const totals = await Promise.all(traffic.map((each) => each.stop()));
  const sent = totals.reduce((sum, each) => sum + each.sent, 0);
  t.diagnostic(`${killed} replicas killed, ${last.changes} changes, ${sent} requests`);
  for (const { failed, unfiltered, samples } of totals) assert.deepEqual([failed, unfiltered], [0, 0], samples.join("\n"));
});
