import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { DeliveredFilter } from "../../model/delivery.ts";
import { plainResource } from "../protocol/resource.ts";
import { Ledger, type Offer } from "./ledger.ts";

function offer(version: string): Offer {
  const digest = `sha256:${"0".repeat(64)}` as const;
  const filter: DeliveredFilter = { filter: { namespace: "shop", name: "a" }, revision: 1, digest, wasmDigest: digest, hash: version };
  return { resource: plainResource("t", "weir/default", version, []), filters: [filter] };
}

/** Through functions: the compiler takes what was asserted of a property to hold for good. */
const running = (ledger: Ledger) => ledger.running;
const served = (ledger: Ledger) => ledger.served;
const rejection = (ledger: Ledger) => ledger.rejection;
const open = () => new Ledger("weir/default", "default", undefined);

describe("the ledger of a name", () => {
  test("what is acknowledged runs; what is not was only sent", () => {
    const ledger = open();
    ledger.desire(offer("1"));
    assert.equal(running(ledger), undefined);
    assert.equal(ledger.acked("1", 10), true);
    assert.deepEqual([running(ledger)?.version, running(ledger)?.since], ["1", 10]);
    assert.equal(ledger.acked("1", 20), false, "nothing new");
    assert.equal(running(ledger)?.since, 10);
  });

  test("after a rejection the last good is served, and the rejected never again", () => {
    const ledger = open();
    ledger.desire(offer("1"));
    ledger.acked("1", 10);
    ledger.desire(offer("2"));
    assert.equal(ledger.rejected("2", "no", 20), true);
    assert.equal(served(ledger)?.version, "1");
    assert.equal(rejection(ledger)?.message, "no");
    assert.equal(ledger.acked("2", 30), false, "Envoy acknowledges a rejected config that comes again");
    assert.equal(running(ledger)?.version, "1");
    ledger.desire(offer("3"));
    assert.equal(rejection(ledger), undefined);
    assert.equal(served(ledger)?.version, "3");
    ledger.desire(offer("2"));
    assert.equal(served(ledger)?.version, "1");
    assert.equal(rejection(ledger)?.at, 20);
  });

  test("a first config that is rejected leaves nothing to serve", () => {
    const ledger = open();
    ledger.desire(offer("1"));
    ledger.rejected("1", "no", 10);
    assert.equal(served(ledger), undefined);
    ledger.forgive();
    assert.equal(served(ledger)?.version, "1");
  });

  test("answers to what was never offered mean nothing", () => {
    const ledger = open();
    ledger.desire(offer("1"));
    assert.equal(ledger.acked("unknown", 10), false);
    assert.equal(ledger.rejected("unknown", "no", 10), false);
    assert.equal(running(ledger), undefined);
  });

  test("a late acknowledgement counts for an offer that was overtaken, not for one that was before what runs", () => {
    const ledger = open();
    for (const version of ["1", "2", "3", "4"]) ledger.desire(offer(version));
    assert.equal(ledger.acked("2", 10), true);
    assert.equal(running(ledger)?.version, "2");
    assert.equal(ledger.acked("1", 20), false, "acknowledgements come in order: this one cannot be");
    assert.equal(ledger.acked("3", 30), true);
    assert.equal(ledger.acked("4", 40), true);
    assert.equal(running(ledger)?.version, "4");
  });

  test("only the last offers are remembered", () => {
    const ledger = open();
    for (let version = 0; version <= 8; version++) ledger.desire(offer(String(version)));
    assert.equal(ledger.acked("0", 10), false);
    assert.equal(ledger.acked("1", 10), true);
  });

  test("a proxy that comes back with something else runs nothing that is known, until it acknowledges", () => {
    const ledger = open();
    ledger.desire(offer("1"));
    ledger.acked("1", 10);
    ledger.claimed("1");
    assert.equal(running(ledger)?.version, "1");
    ledger.claimed("other");
    assert.equal(running(ledger), undefined);
  });

  test("a proxy that comes back with one version runs that, and what it acknowledged only where that is the same or it has several", () => {
    for (const [version, left] of [
      ["1", "1"],
      ["", "1"],
      ["other", undefined],
    ] as const) {
      const ledger = open();
      ledger.desire(offer("1"));
      ledger.acked("1", 10);
      ledger.resumed(version);
      assert.deepEqual([running(ledger)?.version, ledger.unread], [left, left === undefined ? version : undefined]);
    }
  });
});

describe("the ledger of a name, whatever comes", () => {
  type Step = { readonly do: "desire" | "ack" | "nack" | "claim"; readonly version: string };

  const step: fc.Arbitrary<Step> = fc.record({
    do: fc.constantFrom("desire", "ack", "nack", "claim"),
    version: fc.constantFrom("1", "2", "3", "4"),
  });

  test("whatever is answered, nothing rejected is ever served, nor counted as running once it was rejected and never acknowledged", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50, size: "max" }), (steps) => {
        const ledger: Ledger = open();
        const offered = new Set<string>();
        const rejected = new Set<string>();
        const acknowledged = new Set<string>();
        for (const { do: what, version } of steps) {
          if (what === "desire") {
            ledger.desire(offer(version));
            offered.add(version);
          }
          if (what === "ack" && ledger.acked(version, 1)) acknowledged.add(version);
          if (what === "nack" && ledger.rejected(version, "no", 1)) rejected.add(version);
          if (what === "claim") ledger.claimed(version);
          assert(ledger.served === undefined || !rejected.has(ledger.served.version), "a rejected version is served");
          const running = ledger.running?.version;
          assert(running === undefined || acknowledged.has(running), "runs what was never acknowledged");
          assert(running === undefined || offered.has(running));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
