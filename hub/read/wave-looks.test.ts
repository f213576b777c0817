import assert from "node:assert/strict";
import { test } from "node:test";
import type { FleetSnapshot } from "./fleet-snapshot.ts";
import { createWaveLooks } from "./wave-looks.ts";

test("pages that show the same look at the fleet share one at a filter's waves", async () => {
  const asked: string[] = [];
  const wavesOf = createWaveLooks({
    async waves({ namespace, name }) {
      asked.push(`${namespace}/${name}`);
      return [];
    },
  });
  const snapshot = (at: number): FleetSnapshot => ({
    ...{ at, proxies: [], groups: [], byNamespace: [] },
    counts: { rejected: 0, lost: 0, pending: 0, ok: 0 },
  });
  const [first, second] = [snapshot(1), snapshot(2)];
  const waf = { namespace: "shop", name: "waf" };
  await Promise.all([wavesOf(waf, first), wavesOf(waf, first), wavesOf({ ...waf, name: "auth" }, first)]);
  assert.deepEqual(asked, ["shop/waf", "shop/auth"]);
  await wavesOf(waf, second);
  assert.deepEqual(asked, ["shop/waf", "shop/auth", "shop/waf"]);
});
