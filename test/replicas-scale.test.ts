import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Bill, beyond, combine, type Share } from "./support/scale/bill.ts";
import { type ScaleScene, startScaleScene } from "./support/scale/scale-scene.ts";

/** The long version, with 10,000 proxies, is `npm run bench:replicas`. */
const SMALL = 200;
const LARGE = 600;
const RUNS = 4;
const REST_MS = 2_000;

let scene: ScaleScene;

before(async () => {
  scene = await startScaleScene();
});

after(async () => {
  await scene?.stop();
});

const least = (shares: readonly Share[]) => combine(shares, (values) => Math.min(...values));

/** The least that so many filters cost in some runs: what else the machine does only adds to it. Runs in which a replica lost another do not count. */
async function cost(filters: number, rest: Bill): Promise<{ readonly leader: Share; readonly follower: Share }> {
  const bills: Bill[] = [];
  while (bills.length < RUNS) {
    const bill = await scene.change(filters);
    if (!bill.isDisturbed) bills.push(beyond(bill, rest));
  }
  return { leader: least(bills.map(({ leader }) => leader)), follower: least(bills.map(({ follower }) => follower)) };
}

test("what a change costs leader and followers grows with what changed, not with the fleet", { timeout: 300_000 }, async (t) => {
  await scene.grow(SMALL);
  for (let run = 0; run < 3; run++) await scene.change(10);
  const small = await cost(1, await scene.rest(REST_MS));
  await scene.grow(LARGE);
  const rest = await scene.rest(REST_MS);
  const large = await cost(1, rest);
  const more = await cost(10, rest);
  const ratio = (of: Share, to: Share, field: keyof Share) => of[field] / to[field];
  const told = ({ leader, follower }: { readonly leader: Share; readonly follower: Share }) =>
    `leader ${leader.cpuMs.toFixed(1)} ms, follower ${follower.cpuMs.toFixed(1)} ms, ${follower.toPeers.toFixed(0)} bytes to the others, ${leader.toApi.toFixed(0)} to the API server`;
  t.diagnostic(`1 filter of 10 proxies, of ${SMALL}: ${told(small)}`);
  t.diagnostic(`1 filter of 10 proxies, of ${LARGE}: ${told(large)}`);
  t.diagnostic(`10 filters of 10 proxies, of ${LARGE}: ${told(more)}`);
  // Three times the fleet.
  for (const field of ["fromPeers", "toApi", "toProxies"] as const) assert.ok(ratio(large.leader, small.leader, field) < 1.5, field);
  for (const field of ["toPeers", "toProxies"] as const) assert.ok(ratio(large.follower, small.follower, field) < 1.5, field);
  assert.ok(ratio(large.leader, small.leader, "cpuMs") < 2.2, "the leader's CPU");
  // Ten times the change.
  for (const field of ["fromPeers", "toProxies"] as const) {
    const times = ratio(more.leader, large.leader, field);
    assert.ok(times > 5 && times < 15, `${field}: ${times}`);
  }
  assert.ok(ratio(more.leader, large.leader, "cpuMs") < 25, "the leader's CPU");
  // A follower writes nothing.
  assert.ok(more.follower.toApi < more.leader.toApi / 10);
});
