import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DeliveredFilter, ProxyNode } from "../../model/delivery.ts";
import { digest } from "../testing/fixtures.ts";
import { type RejectedFilter, viewProxy } from "./proxy-views.ts";

function delivered(name: string, revision: number): DeliveredFilter {
  const hash = `${name}-${revision}`;
  return { filter: { namespace: "shop", name }, revision, digest: digest(`${revision}a`), wasmDigest: digest(`${revision}b`), hash };
}

interface Slot {
  readonly desired: readonly DeliveredFilter[];
  readonly running?: readonly DeliveredFilter[];
}

function proxy(slot: Slot, connected = true, hungSince?: number): ProxyNode {
  const delivery = { slot: "default", desired: slot.desired, running: slot.running, runningSince: undefined, rejection: undefined };
  return {
    key: "shop/web-1",
    id: "web-1",
    namespace: "shop",
    labels: {},
    connected,
    since: 0,
    hungSince,
    endedAt: undefined,
    reportsEveryMs: undefined,
    takesChains: true,
    version: "1.40.0",
    slots: new Map([["default", delivery]]),
  };
}

function refusal(name: string, revision: number): RejectedFilter {
  const { filter: key, digest: image, wasmDigest } = delivered(name, revision);
  return { key, revision, digest: image, wasmDigest, slot: "default", message: "no" };
}

/** Name, revision, state and message of what the proxy's slot shows. */
function shown(node: ProxyNode, refused: readonly RejectedFilter[] = []) {
  return viewProxy(node, refused).slots[0]?.filters.map(({ name, revision, state, message }) => [name, revision, state, message]);
}

describe("a filter on a proxy", () => {
  test("says that requests are answered with 503 where a placeholder stands in its place", () => {
    const standIn = { ...delivered("a", 0), isPlaceholder: true };
    const told = "requests are answered with 503 in its place";
    assert.deepEqual(shown(proxy({ desired: [standIn], running: [standIn] })), [
      ["a", 0, "pending", `nothing of it can be served; ${told}`],
    ]);
    assert.deepEqual(shown(proxy({ desired: [delivered("a", 1)], running: [standIn] })), [
      ["a", 1, "pending", `not acknowledged yet; ${told}`],
    ]);
    const rejected = shown(proxy({ desired: [standIn], running: [standIn] }), [refusal("a", 1)]);
    assert.deepEqual(rejected, [["a", 1, "rejected", `revision 1 rejected: no; ${told}`]]);
  });

  test("is updated when the proxy acknowledged what it should run", () => {
    assert.deepEqual(shown(proxy({ desired: [delivered("a", 2)], running: [delivered("a", 2)] })), [["a", 2, "updated", ""]]);
  });

  test("is updated in a dark step, and says that only some requests see it", () => {
    const dark = { ...delivered("a", 2), plugin: "shop/a@2" };
    assert.deepEqual(shown(proxy({ desired: [dark], running: [dark] })), [
      ["a", 2, "updated", "only the requests of the present step see it"],
    ]);
  });

  test("is pending, at what the proxy runs, until it acknowledged the next revision", () => {
    assert.deepEqual(shown(proxy({ desired: [delivered("a", 2)], running: [delivered("a", 1)] })), [
      ["a", 1, "pending", "waits for revision 2"],
    ]);
    assert.deepEqual(shown(proxy({ desired: [delivered("a", 2)] })), [["a", 2, "pending", "not acknowledged yet"]]);
  });

  test("is pending while the proxy is gone", () => {
    const gone = proxy({ desired: [delivered("a", 2)], running: [delivered("a", 2)] }, false);
    assert.deepEqual(shown(gone), [["a", 2, "pending", "the proxy is not connected"]]);
    assert.deepEqual(shown({ ...gone, isUnheard: true }), [["a", 2, "pending", "the replica that serves the proxy is not heard"]]);
  });

  test("is pending while the proxy hangs, whatever it acknowledged", () => {
    const hung = proxy({ desired: [delivered("a", 2)], running: [delivered("a", 2)] }, true, 1);
    assert.deepEqual(shown(hung), [["a", 2, "pending", "the proxy hangs: a worker thread does not return; start it anew"]]);
  });

  test("is pending while it is to leave the chain", () => {
    const node = proxy({ desired: [], running: [delivered("a", 1)] });
    assert.deepEqual(shown(node), [["a", 1, "pending", "is to be taken out of the chain"]]);
  });

  test("is rejected, at what the proxy runs in its place", () => {
    const node = proxy({ desired: [delivered("a", 1)], running: [delivered("a", 1)] });
    assert.deepEqual(shown(node, [refusal("a", 2)]), [["a", 1, "rejected", "revision 2 rejected: no"]]);
  });

  test("is rejected, at what was refused, where nothing runs in its place", () => {
    assert.deepEqual(shown(proxy({ desired: [], running: [] }), [refusal("a", 1)]), [["a", 1, "rejected", "no"]]);
  });
});
