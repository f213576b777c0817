import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { lacksForNode } from "./support/kubernetes/index.ts";
import { PROXIES, type Shop, startShop, type Tell } from "./support/kubernetes/shop.ts";
import { eventually } from "./support/process.ts";

/** The number of replicas of a chart on a real node changes, under requests. In a cluster of its own: nothing else has happened to it. */
const lacks = await lacksForNode();
const needsNode = { timeout: 600_000, skip: lacks ?? false };
const MOST = 4;
/** How long proxies have to find their places among replicas that came. */
const SPREAD_SECONDS = Number(process.env.WEIR_CLUSTER_SPREAD_SECONDS ?? 40);
const LOOKS = 4;
/** After so long a proxy is asked to connect again, and may come to another one. The chart's own is ten minutes. */
const AGE_SECONDS = Math.floor(SPREAD_SECONDS / 3);
const AGE = `xds.maxConnectionAge=${AGE_SECONDS}s`;

let shop: Shop;

before(async () => {
  if (lacks === undefined) shop = await startShop(({ helm }) => helm("install", ["--set", `replicas=1,${AGE}`]));
});

after(() => shop?.stop());

/** How many proxies each replica has, the most first. */
const places = async () => [...(await shop.replicas.spread()).values()].sort((a, b) => b - a);

/** Waits until there are so many replicas, and every proxy is with one of them. */
async function settled(count: number, tell: Tell): Promise<void> {
  const start = performance.now();
  let last: readonly number[] = [];
  const isSo = async () => {
    last = await places();
    return last.length === count && last.reduce((sum, each) => sum + each) === PROXIES;
  };
  await eventually(`${PROXIES} proxies with ${count} replicas`, isSo, 60_000, 100).catch((error: Error) => {
    throw new Error(`${error.message}: ${last.join("-")}`);
  });
  tell(`${PROXIES} proxies sit ${last.join("-")}, ${((performance.now() - start) / 1_000).toFixed(1)} s after helm upgrade was done`);
}

test("from one replica to four and back: no request fails, and the new ones have proxies", needsNode, (t) =>
  shop.underWatch(t, async (tell) => {
    assert.deepEqual(await places(), [PROXIES]);
    let isOver = false;
    const changing = shop.change(() => isOver);
    const moving = (async () => {
      await shop.helm("upgrade", ["--set", `replicas=${MOST},${AGE}`]);
      await settled(MOST, tell);
      for (let look = 1; look <= LOOKS; look++) {
        await sleep((SPREAD_SECONDS * 1_000) / LOOKS);
        tell(`after ${((SPREAD_SECONDS * look) / LOOKS).toFixed(0)} s with ${AGE}: ${(await places()).join("-")}`);
      }
      await settled(MOST, tell);
      const [most = 0] = await places();
      assert.ok(most < PROXIES, "all proxies stayed with one replica");
      await shop.helm("upgrade", ["--set", `replicas=1,${AGE}`]);
      await settled(1, tell);
    })().finally(() => {
      isOver = true;
    });
    const [{ changes, faulty }] = await Promise.all([changing, moving]);
    tell(`${changes} changes meanwhile, ${faulty} of them faulty`);
  }),
);
