import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chainName, chainVersion } from "../envoy/chain.ts";
import { dialectOf } from "../envoy/dialect.ts";
import { typeUrls } from "../protocol/resource.ts";
import { entryFixture } from "../testing/entry.ts";
import { startFleet } from "../testing/fleet.ts";
import type { Variant } from "../testing/received.ts";

const dialect = dialectOf(false, "");
const ECDS = typeUrls.extensionConfig;
const slot = chainName("default");
const variants: readonly Variant[] = ["sotw", "delta"];

describe("a proxy that comes back with other labels", () => {
  for (const variant of variants) {
    test(`is not answered with what it was due before (${variant})`, async (t) => {
      const { fleet, open, until } = await startFleet(t);
      const before = open(variant);
      before.subscribe(ECDS, [slot]);
      await until(({ slots }) => slots.has("default"));
      fleet.assign("shop/web-1", new Map());
      before.ack(await before.next());
      before.close();
      await until(({ connected }) => !connected);
      const after = open(variant, "web-1", { metadata: { NAMESPACE: "shop", LABELS: { app: "pay" } } });
      after.subscribe(ECDS, [slot]);
      await until(({ connected, labels }) => connected && labels.app === "pay");
      await after.expectSilence();
      const chain = [entryFixture("a")];
      fleet.assign("shop/web-1", new Map([["default", chain]]));
      assert.equal((await after.next()).version, chainVersion("default", chain, dialect));
    });
  }
});
