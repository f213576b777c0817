import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DeliveredFilter } from "../../model/delivery.ts";
import { plainResource } from "../protocol/resource.ts";
import { createDelivery, type Delivery, type Offer } from "./ledger.ts";

function offer(version: string): Offer {
  const digest = `sha256:${"0".repeat(64)}` as const;
  const filter: DeliveredFilter = { filter: { namespace: "shop", name: "a" }, revision: 1, digest, wasmDigest: digest, hash: version };
  return { resource: plainResource("t", "weir/default", version, []), filters: [filter] };
}

/** Through functions: the compiler takes what was asserted of a property to hold for good. */
const running = (delivery: Delivery) => delivery.running;
const served = (delivery: Delivery) => delivery.served;
const rejection = (delivery: Delivery) => delivery.rejection;
const open = () => createDelivery("weir/default", "default", undefined);

test("what is acknowledged runs; what is not was only sent", () => {
  const delivery = open();
  delivery.desire(offer("1"));
  assert.equal(running(delivery), undefined);
  assert.equal(delivery.acked("1", 10), true);
  assert.deepEqual([running(delivery)?.version, running(delivery)?.since], ["1", 10]);
  assert.equal(delivery.acked("1", 20), false, "nothing new");
  assert.equal(running(delivery)?.since, 10);
});

test("after a rejection the last good is served, and the rejected never again", () => {
  const delivery = open();
  delivery.desire(offer("1"));
  delivery.acked("1", 10);
  delivery.desire(offer("2"));
  assert.equal(delivery.rejected("2", "no", 20), true);
  assert.equal(served(delivery)?.version, "1");
  assert.equal(rejection(delivery)?.message, "no");
  assert.equal(delivery.acked("2", 30), false, "Envoy acknowledges a rejected config that comes again");
  assert.equal(running(delivery)?.version, "1");
  delivery.desire(offer("3"));
  assert.equal(rejection(delivery), undefined);
  assert.equal(served(delivery)?.version, "3");
  delivery.desire(offer("2"));
  assert.equal(served(delivery)?.version, "1");
  assert.equal(rejection(delivery)?.at, 20);
});

test("a first config that is rejected leaves nothing to serve", () => {
  const delivery = open();
  delivery.desire(offer("1"));
  delivery.rejected("1", "no", 10);
  assert.equal(served(delivery), undefined);
  delivery.forgive();
  assert.equal(served(delivery)?.version, "1");
});

test("answers to what was never offered mean nothing", () => {
  const delivery = open();
  delivery.desire(offer("1"));
  assert.equal(delivery.acked("unknown", 10), false);
  assert.equal(delivery.rejected("unknown", "no", 10), false);
  assert.equal(running(delivery), undefined);
});

test("a late acknowledgement counts for an offer that was overtaken, not for one that was before what runs", () => {
  const delivery = open();
  for (const version of ["1", "2", "3", "4"]) delivery.desire(offer(version));
  assert.equal(delivery.acked("2", 10), true);
  assert.equal(running(delivery)?.version, "2");
  assert.equal(delivery.acked("1", 20), false, "acknowledgements come in order: this one cannot be");
  assert.equal(delivery.acked("3", 30), true);
  assert.equal(delivery.acked("4", 40), true);
  assert.equal(running(delivery)?.version, "4");
});

test("only the last offers are remembered", () => {
  const delivery = open();
  for (let version = 0; version <= 8; version++) delivery.desire(offer(String(version)));
  assert.equal(delivery.acked("0", 10), false);
  assert.equal(delivery.acked("1", 10), true);
});

test("a proxy that comes back with something else runs nothing that is known, until it acknowledges", () => {
  const delivery = open();
  delivery.desire(offer("1"));
  delivery.acked("1", 10);
  delivery.claimed("1");
  assert.equal(running(delivery)?.version, "1");
  delivery.claimed("other");
  assert.equal(running(delivery), undefined);
});

type Step = { readonly do: "desire" | "ack" | "nack" | "claim"; readonly version: string };

const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom("desire", "ack", "nack", "claim"),
  version: fc.constantFrom("1", "2", "3", "4"),
});

test("whatever is answered, nothing rejected is ever served, nor counted as running once it was rejected and never acknowledged", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50, size: "max" }), (steps) => {
      const delivery: Delivery = open();
      const offered = new Set<string>();
      const rejected = new Set<string>();
      const acknowledged = new Set<string>();
      for (const { do: what, version } of steps) {
        if (what === "desire") {
          delivery.desire(offer(version));
          offered.add(version);
        }
        if (what === "ack" && delivery.acked(version, 1)) acknowledged.add(version);
        if (what === "nack" && delivery.rejected(version, "no", 1)) rejected.add(version);
        if (what === "claim") delivery.claimed(version);
        assert(delivery.served === undefined || !rejected.has(delivery.served.version), "a rejected version is served");
        const running = delivery.running?.version;
        assert(running === undefined || acknowledged.has(running), "runs what was never acknowledged");
        assert(running === undefined || offered.has(running));
      }
    }),
    { numRuns: 2_000 },
  );
});
