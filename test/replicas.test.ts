import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { eventually } from "./support/process.ts";
import { type ReplicaScene, startReplicaScene } from "./support/replica-scene.ts";

const TIMEOUT = { timeout: 120_000 };

let scene: ReplicaScene;
const digests: Record<string, string> = {};

before(async () => {
  scene = await startReplicaScene({ replicas: 2, proxies: 1 });
});

after(async () => {
  await scene?.stop();
});

/** Waits until the status says that every proxy of all replicas runs this, and nothing else is under way. */
function everywhere(digest: string | undefined, proxies = 2): Promise<WasmFilter> {
  return scene.until(
    "it everywhere",
    ({ status }) => status?.digest === digest && status?.rollout?.state === "Succeeded" && status.proxies?.updated === proxies,
  );
}

/** Index of the server that decides, once there is one. */
async function leader(): Promise<number> {
  const found = await eventually("a leader", async () => {
    const index = await scene.leader();
    return index === undefined ? undefined : { index };
  });
  return found.index;
}

test("one decides, the proxies of both get what is recorded, and the status counts all of them", TIMEOUT, async () => {
  digests.one = await scene.release("one");
  await scene.allAnswer("one");
  digests.two = await scene.release("two");
  await scene.allAnswer("two");
  const { status } = await everywhere(digests.two);
  assert.deepEqual(status?.proxies, { matched: 2, updated: 2, rejected: 0, pending: 0 });
});

test("a rollback by digest reaches both", TIMEOUT, async () => {
  await scene.patch({ digest: digests.one });
  await scene.allAnswer("one");
  await everywhere(digests.one);
});

test("what a proxy of a follower refuses comes back everywhere", TIMEOUT, async () => {
  // Envoys whose node begins with `edge` refuse it; the others would load it.
  const bad = await scene.release("bad", { digest: undefined }, "refusesOnProxy");
  const { status } = await scene.until(
    "it to be taken back",
    (filter) => filter.status?.history?.some(({ digest, result }) => digest === bad && result === "RolledBack") === true,
  );
  assert.equal(status?.digest, digests.one);
  await scene.allAnswer("one");
});

test("a follower that restarts serves what is recorded, and its proxy is counted again", TIMEOUT, async () => {
  const follower = scene.servers[1 - (await leader())];
  await follower?.stop();
  await follower?.start();
  await scene.allAnswer("one");
  digests.three = await scene.release("three");
  await scene.allAnswer("three");
  await everywhere(digests.three);
});

test("a leader that is stopped lets the lease go, and the other decides at once", TIMEOUT, async (t) => {
  const index = await leader();
  const other = 1 - index;
  const from = performance.now();
  await scene.servers[index]?.stop();
  await eventually("the other to lead", async () => (await scene.leader()) === other);
  t.diagnostic(`the other led ${(performance.now() - from).toFixed(0)} ms after SIGTERM`);
  digests.four = await scene.release("four");
  await scene.allAnswer("four", [other]);
  await scene.servers[index]?.start();
  await scene.allAnswer("four");
  await everywhere(digests.four);
  assert.equal(await leader(), other);
});

test("a leader that is killed is followed by the other when its time is over", TIMEOUT, async (t) => {
  const index = await leader();
  const from = performance.now();
  await scene.servers[index]?.kill();
  await eventually("the other to lead", async () => (await scene.leader()) === 1 - index, 30_000);
  t.diagnostic(`the other led ${((performance.now() - from) / 1_000).toFixed(1)} s after SIGKILL`);
  digests.five = await scene.release("five");
  await scene.allAnswer("five", [1 - index]);
  await scene.servers[index]?.start();
  await everywhere(digests.five);
});
