import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { eventually } from "./support/process.ts";
import { type ReplicaScene, startReplicaScene } from "./support/replica-scene.ts";
import { startTraffic } from "./support/traffic.ts";

const TIMEOUT = { timeout: 120_000 };
const DRAIN_MS = 6_000;
const PROXIES = 6;

let scene: ReplicaScene;

before(async () => {
  scene = await startReplicaScene({ replicas: 2, proxies: PROXIES / 2, balanced: true, env: { WEIR_DRAIN_TIME: `${DRAIN_MS / 1_000}s` } });
});

after(async () => {
  await scene?.stop();
});

/** Status of /readyz; 0: nobody answers. */
const readiness = (url: string) =>
  fetch(`${url}/readyz`).then(
    ({ status }) => status,
    () => 0,
  );

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(false)).once("error", () => resolve(true));
    socket.once("connect", () => socket.destroy());
  });
}

test(
  "SIGTERM to who decides: not ready, another decides, proxies go one after the other and none of their requests notices",
  TIMEOUT,
  async (t) => {
    const one = await scene.release("one");
    await scene.allAnswer("one");
    await scene.until("it everywhere", ({ status }) => status?.digest === one && status.proxies?.updated === PROXIES);
    const { index } = await eventually("a leader", async () => {
      const found = await scene.leader();
      return found === undefined ? undefined : { index: found };
    });
    const [leaving, staying] = [scene.servers[index], scene.servers[1 - index]];
    assert.ok(leaving && staying);
    const countOf = async (weir: typeof leaving) => {
      const line = (await weir.metrics()).split("\n").find((each) => each.startsWith("weir_proxies_connected "));
      return Number(line?.split(" ")[1]);
    };
    const before = await countOf(leaving);
    assert.ok(before > 0);
    const filtered = ({ headers }: { readonly headers: Readonly<Record<string, unknown>> }) => headers["x-weir"] !== undefined;
    const traffic = scene.proxies.flat().map(({ port }) => startTraffic({ port, clients: 1, pauseMs: 10, filtered }));

    const from = performance.now();
    process.kill(leaving.pid(), "SIGTERM");
    const leaves = leaving.exited().then((exit) => ({ exit, tookMs: performance.now() - from }));
    await eventually("it to be not ready", async () => (await readiness(leaving.url)) === 503, DRAIN_MS);
    assert.equal(await isRefused(leaving.xdsPort), true);
    await eventually("another to decide", async () => /weir_leading 1\n/.test(await staying.metrics()));
    const ledAfter = performance.now() - from;
    // What is released meanwhile reaches all: those that went, and those that are still there.
    const counts = new Set<number>();
    const two = await scene.release("two");
    const watching = (async () => {
      for (;;) {
        const count = await countOf(leaving).catch(() => undefined);
        if (count === undefined) return;
        counts.add(count);
        await new Promise((done) => setTimeout(done, 50));
      }
    })();
    await scene.allAnswer("two");
    const { exit, tookMs } = await leaves;
    await watching;
    assert.deepEqual(exit, { code: 0, signal: null });
    await scene.until("it everywhere", ({ status }) => status?.digest === two && status.proxies?.updated === PROXIES);
    assert.equal(await countOf(staying), PROXIES);
    const totals = await Promise.all(traffic.map((each) => each.stop()));
    for (const { failed, unfiltered, samples } of totals) assert.deepEqual([failed, unfiltered], [0, 0], samples.join("\n"));
    t.diagnostic(
      `${before} proxies left in ${(tookMs / 1_000).toFixed(1)} s, seen ${[...counts].sort().reverse().join(" ")}; another decided after ${ledAfter.toFixed(0)} ms; ${totals.reduce((sum, { sent }) => sum + sent, 0)} requests`,
    );
    if (before > 1) assert.ok(counts.size > 1, "they left one after the other");
    assert.ok(tookMs < DRAIN_MS + 5_000, `${tookMs} ms`);
  },
);
