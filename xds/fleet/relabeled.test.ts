import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LivePod } from "../../model/identity.ts";
import { ok } from "../../model/result.ts";
import { chainName, chainVersion } from "../envoy/chain.ts";
import { dialectOf } from "../envoy/dialect.ts";
import type { Authenticator } from "../identity/authenticator.ts";
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

describe("a proxy whose pod gets other labels", () => {
  for (const variant of variants) {
    test(`moves to the filters of those while its stream is open, and nothing is sent in between (${variant})`, async (t) => {
      const pod = createPod({ app: "web" });
      const { fleet, open, until } = await startFleet(t, undefined, undefined, provesPod(pod));
      const client = open(variant, "some-id", { metadata: { LABELS: { app: "claimed" } } });
      client.subscribe(ECDS, [slot]);
      await until(({ slots, labels }) => slots.has("default") && labels.app === "web");
      fleet.assign("shop/web-1", new Map([["default", [entryFixture("a")]]]));
      client.ack(await client.next());
      await until(({ slots }) => slots.get("default")?.running?.length === 1);
      pod.relabel({ app: "pay" });
      await until(({ labels }) => labels.app === "pay");
      await client.expectSilence();
      const chain = [entryFixture("b")];
      fleet.assign("shop/web-1", new Map([["default", chain]]));
      assert.equal((await client.next()).version, chainVersion("default", chain, dialect));
    });
  }
});

function createPod(labels: Record<string, string>) {
  const listeners = new Set<(what: "labels") => void>();
  return {
    labels,
    onChange(listener: (what: "labels") => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    relabel(next: Record<string, string>) {
      this.labels = next;
      for (const listener of listeners) listener("labels");
    },
  };
}

/** Everybody proves to be this pod, and it takes a while to find that out. */
function provesPod(pod: LivePod): Authenticator {
  return {
    authenticate: async () => ok({ role: "proxy", namespace: "shop", nodeId: "web-1", podUid: "u", pod, until: undefined }),
    onChange: () => () => {},
  };
}
