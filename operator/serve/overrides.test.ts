import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProxyNode } from "../../model/delivery.ts";
import { createOverrides } from "./overrides.ts";

function overridesOf({ isHeard = true, hashes = [] as string[] }) {
  const slot = { running: hashes.slice(0, 1).map((hash) => ({ hash })), desired: hashes.slice(1).map((hash) => ({ hash })) };
  const proxy = { takesChains: true, slots: new Map([["default", slot]]) } as unknown as ProxyNode;
  return createOverrides({
    fleet: { proxy: (key) => (key === "shop/web" ? proxy : undefined) },
    record: () => ({ rejections: new Map([["shop/web", { hash: "refused", message: "", at: 0 }]]) }),
    withheld: () => new Set(["tried later"]),
    peers: { withheld: () => new Set(["refused elsewhere"]) },
    leadership: { isHeard: () => isHeard },
  });
}

test("a proxy is not offered what it rejected, nor what waits while others are tried", () => {
  const overrides = overridesOf({});
  assert.deepEqual(
    ["refused", "tried later", "refused elsewhere", "new"].map((hash) => overrides.withholds("shop/web", "shop/f", hash)),
    [true, true, true, false],
  );
  assert.equal(overrides.withholds("shop/db", "shop/f", "refused"), false);
});

test("where nobody who judges is heard, a proxy gets no target that it has not got", () => {
  const alone = overridesOf({ isHeard: false, hashes: ["runs", "was given"] });
  assert.deepEqual(
    ["runs", "was given", "new"].map((hash) => alone.defers("shop/web", hash)),
    [false, false, true],
  );
  assert.equal(alone.defers("shop/nobody", "runs"), true);
  assert.equal(overridesOf({}).defers("shop/web", "new"), false);
});
