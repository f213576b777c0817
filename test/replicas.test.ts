import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { kubectl } from "./support/cluster.ts";
import { eventually } from "./support/process.ts";
import { type ReplicaScene, startReplicaScene } from "./support/replica-scene.ts";

const REPLICAS = 3;
const TIMEOUT = { timeout: 120_000 };

let scene: ReplicaScene;
const digests: Record<string, string> = {};

before(async () => {
  scene = await startReplicaScene({ replicas: REPLICAS, proxies: 1 });
});

after(async () => {
  await scene?.stop();
});

/** Waits until the status says that every proxy of all replicas runs this, and nothing else is under way. */
function everywhere(digest: string | undefined, proxies = REPLICAS): Promise<WasmFilter> {
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
  assert.deepEqual(status?.proxies, { matched: REPLICAS, updated: REPLICAS, rejected: 0, pending: 0 });
});

test("each tells in its metrics whether it decides, that it reaches the others, and of its own proxies", TIMEOUT, async () => {
  const index = await leader();
  const toldBy = async (url: string) => {
    const lines = (await (await fetch(`${url}/metrics`)).text()).split("\n");
    const names = [
      "weir_leading",
      "weir_leader_heard",
      'weir_peers{state="reached"}',
      'weir_peers{state="away"}',
      "weir_proxies_connected",
    ];
    return names.map((name) => lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1)).join(" ");
  };
  for (const [each, { url }] of scene.servers.entries()) {
    const expected = `${each === index ? 1 : 0} 1 ${REPLICAS - 1} 0 1`;
    await eventually(`${expected} of server ${each}`, async () => (await toldBy(url)) === expected);
  }
});

test("a rollback by digest reaches both", TIMEOUT, async () => {
  await scene.patch({ digest: digests.one });
  await scene.allAnswer("one");
  await everywhere(digests.one);
});

/** Index of a replica that does not decide. */
const follower = async () => ((await leader()) === 0 ? 1 : 0);

function anotherLeads(than: number): Promise<true> {
  const isSo = async () => {
    const index = await scene.leader();
    return index !== undefined && index !== than ? true : undefined;
  };
  return eventually("another to lead", isSo, 40_000);
}

const rolledBack = (digest: string) => (filter: WasmFilter) =>
  filter.status?.history?.some((item) => item.digest === digest && item.result === "RolledBack") === true;

test("what a proxy of a follower refuses comes back everywhere", TIMEOUT, async () => {
  // Envoys whose node begins with `edge` refuse it; the others load it.
  const edge = await scene.addProxy("edge-1", await follower());
  await eventually("it to have the filter", async () => (await edge.mark()) === "one");
  const bad = await scene.release("bad", { digest: undefined }, "refusesOnProxy");
  const { status } = await scene.until("it to be taken back", rolledBack(bad));
  await edge.envoy.stop();
  assert.equal(status?.digest, digests.one);
  assert.match(status?.rollout?.message ?? "", /edge-1/);
  const events = await kubectl(["get", "events", "-A", "-o", "jsonpath={range .items[*]}{.reason} {.message}{'\\n'}{end}"], scene.cluster);
  assert.match(events, /^Withdrawn revision \d+ is taken back everywhere before it is recorded: Rejected: .*edge-1/m);
  assert.match(events, /^LeaderElection \S+ became leader$/m);
  await scene.allAnswer("one");
});

test("a follower that restarts serves what is recorded, and its proxy is counted again", TIMEOUT, async () => {
  const server = scene.servers[await follower()];
  await server?.stop();
  await server?.start();
  await scene.allAnswer("one");
  digests.three = await scene.release("three");
  await scene.allAnswer("three");
  await everywhere(digests.three);
});

test("a follower that stands still while a revision goes out gives it to its proxies as soon as it goes on", TIMEOUT, async (t) => {
  for (const mark of ["six", "seven"]) {
    const pid = scene.servers[await follower()]?.pid() ?? 0;
    process.kill(pid, "SIGSTOP");
    try {
      digests[mark] = await scene.release(mark);
      // Longer than a leader may be silent and be heard, shorter than the others wait for a replica.
      await sleep(5_500);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    const from = performance.now();
    await scene.allAnswer(mark);
    t.diagnostic(`every proxy has it ${(performance.now() - from).toFixed(0)} ms after it went on`);
    await everywhere(digests[mark]);
  }
});

test("a leader that is stopped lets the lease go, and another decides at once", TIMEOUT, async (t) => {
  const index = await leader();
  const others = [0, 1, 2].filter((each) => each !== index);
  const from = performance.now();
  await scene.servers[index]?.stop();
  await anotherLeads(index);
  t.diagnostic(`another led ${(performance.now() - from).toFixed(0)} ms after SIGTERM`);
  digests.four = await scene.release("four");
  await scene.allAnswer("four", others);
  await scene.servers[index]?.start();
  await scene.allAnswer("four");
  await everywhere(digests.four);
  assert.notEqual(await leader(), index);
});

test("a leader that is killed is followed by another when its time is over", TIMEOUT, async (t) => {
  const index = await leader();
  const from = performance.now();
  await scene.servers[index]?.kill();
  await anotherLeads(index);
  t.diagnostic(`another led ${((performance.now() - from) / 1_000).toFixed(1)} s after SIGKILL`);
  digests.five = await scene.release("five");
  await scene.allAnswer(
    "five",
    [0, 1, 2].filter((each) => each !== index),
  );
  await scene.servers[index]?.start();
  await everywhere(digests.five);
});

test("without the API server, and with the leader just killed, one refusal takes a target back everywhere", TIMEOUT, async (t) => {
  const index = await leader();
  const [near = 0, far = 0] = [0, 1, 2].filter((each) => each !== index);
  const steps = [{ percent: 100, pause: true }];
  const bad = await scene.release("bad", { rollout: { steps } }, "refusesLateOnProxy");
  await scene.allAnswer("bad");
  await scene.cluster.stopServer();
  const starting = scene.addProxy("edge-2", near);
  const isThere = async () => (await scene.servers[near]?.proxies())?.some(({ id, connected }) => id === "edge-2" && connected);
  await eventually("the last proxy to be there", isThere);
  // It thinks about its configuration for a second and a half, then refuses it.
  await scene.servers[index]?.kill();
  const from = performance.now();
  const before = await scene.proxies[far]?.[0]?.mark();
  await scene.allAnswer("five", [near, far]);
  const ms = (performance.now() - from).toFixed(0);
  t.diagnostic(`from ${before} back to five everywhere ${ms} ms after the leader was killed`);
  const edge = await starting;
  await eventually("it to have what is stable", async () => (await edge.mark()) === "five");
  await scene.cluster.startServer();
  const { status } = await scene.until("the record to say so", rolledBack(bad), 60_000);
  assert.match(status?.rollout?.message ?? "", /edge-2/);
  await edge.envoy.stop();
});
