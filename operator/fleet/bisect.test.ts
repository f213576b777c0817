import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeliveredFilter, ProxyNode, SlotDelivery } from "../../model/delivery.ts";
import { digestOf } from "../../model/digest.ts";
import { createBisection } from "./bisect.ts";

const filter = (name: string): DeliveredFilter => ({
  filter: { namespace: "shop", name },
  ...{ revision: 1, digest: digestOf("i"), wasmDigest: digestOf("m"), hash: name },
});
const [a, b, c] = ["a", "b", "c"].map(filter) as [DeliveredFilter, DeliveredFilter, DeliveredFilter];

function proxy(slot: Partial<SlotDelivery>): ProxyNode {
  const one = { slot: "default", desired: [], running: [], runningSince: undefined, rejection: undefined, ...slot };
  return {
    ...{ key: "shop/web", id: "web", namespace: "shop", labels: {}, connected: true, since: 1, hungSince: undefined, endedAt: undefined },
    ...{ reportsEveryMs: undefined, takesChains: true, version: "1.40.0", slots: new Map([["default", one]]) },
  };
}

test("what a proxy runs is not kept from it, though another replica had it try that unseen", () => {
  const bisection = createBisection();
  const rejection = { filters: [a, b, c], culprit: undefined, message: "no", at: 1 };
  assert.ok(bisection.observe(proxy({ desired: [a, b, c], rejection })));
  assert.deepEqual([...(bisection.withheld("shop/web") ?? [])], ["b", "c"]);
  bisection.observe(proxy({ desired: [a, b], running: [a, b] }));
  assert.equal(bisection.withheld("shop/web")?.has("b") ?? false, false);
  bisection.observe(proxy({ desired: [], running: [a, b, c] }));
  assert.equal(bisection.withheld("shop/web"), undefined);
});
