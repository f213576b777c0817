import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Dialect } from "../envoy/dialect.ts";
import { entryFixture } from "../testing/entry.ts";
import { createOffers } from "./offers.ts";

const dialect: Dialect = { form: "chain", restriction: "vm" };

describe("offers", () => {
  test("proxies with the same chain share one resource, whoever made the chain", () => {
    const offers = createOffers("epoch");
    const chain = [entryFixture("a")];
    const first = offers.chain("default", chain, dialect, 0);
    assert.equal(offers.chain("default", chain, dialect, 0), first);
    assert.equal(offers.chain("default", [entryFixture("a")], dialect, 0).resource, first.resource);
    assert.equal(offers.size(), 1);
    offers.chain("default", chain, dialect, 1);
    assert.equal(offers.size(), 2);
  });
});
