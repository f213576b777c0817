import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Chain } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";
import { placeholder } from "../../model/placeholder.ts";
import type { Dialect } from "../envoy/dialect.ts";
import { entryFixture } from "../testing/entry.ts";
import { Ledger } from "./ledger.ts";
import { createOffers } from "./offers.ts";
import { createProxyRecord } from "./proxy.ts";
import { standing } from "./standing.ts";

const dialect: Dialect = { form: "chain", restriction: "vm" };
const offers = createOffers("test");
const offerOf = (chain: Chain) => offers.chain("default", chain, dialect, 0);
const a = entryFixture("a");
const b = { ...entryFixture("b"), mustBeThere: true };
const yields = placeholder(b.filter, b.settings, "yields");
const replaces = placeholder(b.filter, b.settings, "replaces");

/** What a proxy has: `runs` is what it acknowledged here, `claims` what it says it has from before. */
function has({ runs, claims }: { readonly runs?: Chain; readonly claims?: string }): Ledger {
  const ledger = new Ledger("weir/default", "default", undefined);
  ledger.claimed(claims);
  if (runs !== undefined) {
    ledger.desire(offerOf(runs));
    ledger.acked(offerOf(runs).resource.version, 1);
  }
  return ledger;
}

function served(chain: Chain, ledger: Ledger): string | readonly string[] {
  const record = createProxyRecord({ key: "shop/web-1" } as never, 0);
  record.ledgers.set(ledger.name, ledger);
  const result = standing(chain, record, ledger, offerOf);
  return result === "hold" ? result : result.map((entry) => `${filterId(entry.filter)}${entry.placeholder === undefined ? "" : " 503"}`);
}

const closed = ["shop/a", "shop/b 503"];
const loaded = ["shop/a", "shop/b"];

describe("a placeholder that yields", () => {
  test("stands where the proxy holds nothing, or runs what lacks the filter", () => {
    assert.deepEqual(served([a, yields], has({})), closed);
    assert.deepEqual(served([a, yields], has({ runs: [a] })), closed);
    assert.deepEqual(served([a, yields], has({ runs: [a, yields] })), closed);
  });

  test("leaves the proxy that has loaded the filter with what it has", () => {
    assert.equal(served([a, yields], has({ runs: [a, b] })), "hold");
    assert.deepEqual(served([a, replaces], has({ runs: [a, b] })), closed);
  });

  test("leaves a proxy that reconnects with what it says it has, unless that is known to lack the filter", () => {
    assert.equal(served([a, yields], has({ claims: offerOf([a, b]).resource.version })), "hold");
    assert.equal(served([a, yields], has({ claims: "unknown" })), "hold");
    assert.deepEqual(served([a, yields], has({ claims: offerOf([a]).resource.version })), closed);
    assert.deepEqual(served([a, yields], has({ claims: offerOf([a, yields]).resource.version })), closed);
    assert.deepEqual(served([a, replaces], has({ claims: "unknown" })), closed);
    for (const [version, expected] of [
      [offerOf([a]).resource.version, closed],
      ["", "hold"],
    ] as const) {
      const ledger = new Ledger("weir/default", "default", undefined);
      ledger.resumed(version);
      assert.deepEqual(served([a, yields], ledger), expected, "a state-of-the-world client");
    }
  });
});

test("a filter that need not be there is left out where it is not loaded, and holds the name where it is", () => {
  const passes = placeholder(b.filter, b.settings, "passes");
  assert.deepEqual(served([a, passes], has({})), ["shop/a"]);
  assert.deepEqual(served([a, passes], has({ runs: [a] })), ["shop/a"]);
  assert.equal(served([a, passes], has({ runs: [a, b] })), "hold");
  assert.equal(served([a, passes], has({ claims: "unknown" })), "hold");
});

describe("a filter that must be there", () => {
  test("comes after its placeholder where requests pass without it", () => {
    assert.deepEqual(served([a, b], has({ runs: [a] })), closed);
    assert.deepEqual(served([a, b], has({ runs: [a, replaces] })), loaded);
  });

  test("comes at once where the proxy holds nothing, may have it, or has another revision of it", () => {
    assert.deepEqual(served([a, b], has({})), loaded);
    assert.deepEqual(served([a, b], has({ claims: "unknown" })), loaded);
    assert.deepEqual(served([a, { ...b, hash: "other" }], has({ runs: [a, b] })), loaded);
  });

  test("may move from one slot to another", () => {
    const record = createProxyRecord({ key: "shop/web-1" } as never, 0);
    const from = has({ runs: [b] });
    const to = new Ledger("weir/other", "other", undefined);
    to.claimed(undefined);
    to.desire(offerOf([a]));
    to.acked(offerOf([a]).resource.version, 1);
    record.ledgers.set("weir/other", to);
    assert.notDeepEqual(standing([a, b], record, to, offerOf), [a, b]);
    record.ledgers.set("weir/default", from);
    assert.deepEqual(standing([a, b], record, to, offerOf), [a, b]);
  });
});
