import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ProxyView } from "../views.ts";
import { createSnapshots } from "./snapshots.ts";

function scene(size: number) {
  let listener = () => {};
  const state = { now: 1_000, looks: 0, size };
  const views = {
    *eachProxy(): Generator<ProxyView> {
      state.looks++;
      for (let index = 0; index < state.size; index++) yield { id: `${index}`, namespace: "shop", labels: {}, connected: true, slots: [] };
    },
    onChange(told: () => void) {
      listener = told;
      return () => {};
    },
  };
  return { state, snapshots: createSnapshots(views, () => state.now), change: () => listener() };
}

describe("looks at the fleet", () => {
  test("a small fleet is looked at for every page", async () => {
    const { state, snapshots } = scene(3);
    await snapshots.take();
    state.size = 4;
    const { fleet, isBehind } = await snapshots.take();
    assert.deepEqual([fleet.proxies.length, isBehind, state.looks], [4, false, 2]);
  });

  test("a large one is shown as it was, and who shows it is told that it changed", async () => {
    const { state, snapshots, change } = scene(1_000);
    const first = await snapshots.take();
    assert.equal(first.isBehind, false);
    state.now += 500;
    state.size = 1_001;
    change();
    const second = await snapshots.take();
    assert.deepEqual([second.fleet.proxies.length, second.isBehind, state.looks], [1_000, true, 1]);
    state.now += 600;
    // At once what there is, while another look is taken.
    const third = await snapshots.take();
    assert.deepEqual([third.fleet.proxies.length, third.isBehind], [1_000, true]);
    while ((await snapshots.take()).isBehind) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([(await snapshots.take()).fleet.proxies.length, state.looks], [1_001, 2]);
    state.now += 60_000;
    state.size = 1_002;
    assert.equal((await snapshots.take()).fleet.proxies.length, 1_002);
  });

  test("looks at the same time are one", async () => {
    const { state, snapshots } = scene(5_000);
    await Promise.all([snapshots.take(), snapshots.take(), snapshots.take()]);
    assert.equal(state.looks, 1);
  });
});
