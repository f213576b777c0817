import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ChainEntry, DeliveredFilter, ProxyNode } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";
import { chainName, chainVersion, wasmName, wasmVersion } from "../envoy/chain.ts";
import { dialectOf } from "../envoy/dialect.ts";
import { typeUrls } from "../protocol/resource.ts";
import { entryFixture } from "../testing/entry.ts";
import { startFleet } from "../testing/fleet.ts";
import type { Variant } from "../testing/received.ts";

/** Of proxies that tell no version. */
const dialect = dialectOf(false, "");

const ECDS = typeUrls.extensionConfig;
const variants: readonly Variant[] = ["sotw", "delta"];

/** Another revision of a filter. */
function revise(entry: ChainEntry, revision: number): ChainEntry {
  return { ...entry, revision, hash: `${entry.hash}#${revision}` };
}

/** What an Envoy says of itself. */
const envoy = (majorNumber: number, minorNumber: number) => ({
  userAgentVersionType: {
    $case: "userAgentBuildVersion" as const,
    userAgentBuildVersion: { version: { majorNumber, minorNumber, patch: 0 } },
  },
});

const a = entryFixture("a");
const b = entryFixture("b");
const slot = chainName("default");
const names = (filters: readonly DeliveredFilter[]) => filters.map(({ filter, revision }) => `${filterId(filter)}@${revision}`);

describe("the fleet, whatever variant its proxies speak", () => {
  for (const variant of variants) {
    test(`a proxy gets nothing before it is assigned, then its chain, and counts as running it when it acknowledges (${variant})`, async (t) => {
      const { fleet, open, until } = await startFleet(t);
      const client = open(variant);
      client.subscribe(ECDS, [slot]);
      const seen = await until((proxy) => proxy.slots.has("default"));
      assert.deepEqual([seen.namespace, seen.labels, seen.connected], ["shop", { app: "web" }, true]);
      await client.expectSilence();
      fleet.assign("shop/web-1", new Map([["default", [a, b]]]));
      const response = await client.next();
      assert.equal(response.version, chainVersion("default", [a, b], dialect));
      assert.equal(fleet.proxy("shop/web-1")?.slots.get("default")?.running, undefined);
      client.ack(response);
      const proxy = await until(({ slots }) => slots.get("default")?.running !== undefined);
      assert.deepEqual(names(proxy.slots.get("default")?.running ?? []), ["shop/a@1", "shop/b@1"]);
      fleet.assign("shop/web-1", new Map([["default", [a, b]]]));
      await client.expectSilence();
    });

    test(`a slot without filters is answered with the empty chain at once (${variant})`, async (t) => {
      const { fleet, open, until } = await startFleet(t);
      const client = open(variant);
      client.subscribe(ECDS, [slot]);
      await until(({ slots }) => slots.has("default"));
      fleet.assign("shop/web-1", new Map());
      const response = await client.next();
      assert.equal(response.version, chainVersion("default", [], dialect));
      client.subscribe(ECDS, [chainName("other")]);
      assert.equal((await client.next()).version, chainVersion("other", [], dialect));
    });

    test(`a proxy that is too old for a setting is not sent it, keeps what it has, and takes what comes next (${variant})`, async (t) => {
      const { fleet, open, until } = await startFleet(t);
      const hold = { ...revise(b, 2), settings: { ...b.settings, allowOnHeadersStopIteration: true as const } };
      const needs = "spec.allowOnHeadersStopIteration of shop/b needs 1.35 or newer";
      for (const [id, node, why] of [
        ["old", envoy(1, 34), `the proxy is Envoy 1.34.0; ${needs}`],
        ["silent", {}, `the proxy does not tell its version of Envoy; ${needs}`],
      ] as const) {
        const client = open(variant, id, node);
        const key = `shop/${id}`;
        client.subscribe(ECDS, [slot]);
        await until(({ slots }) => slots.has("default"), id);
        fleet.assign(key, new Map([["default", [hold]]]));
        const refused = await until(({ slots }) => slots.get("default")?.rejection !== undefined, id);
        assert.equal(refused.slots.get("default")?.rejection?.message, why);
        await client.expectSilence();
        fleet.assign(key, new Map([["default", [a, b]]]));
        client.ack(await client.next());
        await until(({ slots }) => slots.get("default")?.running !== undefined, id);
        fleet.assign(key, new Map([["default", [a, hold]]]));
        const kept = await until(({ slots }) => slots.get("default")?.rejection !== undefined, id);
        assert.equal(kept.slots.get("default")?.rejection?.culprit?.revision, 2);
        assert.deepEqual(names(kept.slots.get("default")?.running ?? []), ["shop/a@1", "shop/b@1"]);
        await client.expectSilence();
        client.close();
        await until(({ connected }) => !connected, id);
      }
      // Another Envoy under the name of the old one is tried anew.
      const upgraded = open(variant, "old", envoy(1, 36));
      upgraded.subscribe(ECDS, [slot]);
      const taken = await upgraded.next();
      assert.equal(taken.version, chainVersion("default", [a, hold], dialect));
      upgraded.ack(taken);
      const able = open(variant, "able", envoy(1, 35));
      able.subscribe(ECDS, [slot]);
      await until(({ slots }) => slots.has("default"), "able");
      fleet.assign("shop/able", new Map([["default", [hold]]]));
      able.ack(await able.next());
      await until(({ slots }) => slots.get("default")?.running !== undefined, "able");
    });

    test(`a rejected chain is replaced by the last good one, is never resent, and names its culprit (${variant})`, async (t) => {
      const { fleet, open, until } = await startFleet(t);
      const client = open(variant);
      client.subscribe(ECDS, [slot]);
      await until(({ slots }) => slots.has("default"));
      fleet.assign("shop/web-1", new Map([["default", [a, b]]]));
      const good = await client.next();
      client.ack(good);
      await until(({ slots }) => slots.get("default")?.running !== undefined);
      const bad = [a, revise(b, 2)];
      fleet.assign("shop/web-1", new Map([["default", bad]]));
      const response = await client.next();
      client.nack(response, "Unable to create Wasm plugin shop/b");
      const back = await client.next();
      assert.equal(back.version, good.version);
      client.ack(back);
      const { slots } = await until((proxy) => proxy.slots.get("default")?.rejection !== undefined);
      const delivery = slots.get("default");
      assert.equal(delivery?.rejection?.culprit?.revision, 2);
      assert.equal(delivery?.rejection?.message, "Unable to create Wasm plugin shop/b");
      assert.deepEqual(names(delivery?.running ?? []), ["shop/a@1", "shop/b@1"]);
      assert.deepEqual(names(delivery?.desired ?? []), ["shop/a@1", "shop/b@2"]);
      await client.expectSilence();
      fleet.assign("shop/web-1", new Map([["default", [...bad]]]));
      await client.expectSilence();
      fleet.assign("shop/web-1", new Map([["default", [a]]]));
      const next = await client.next();
      assert.equal(next.version, chainVersion("default", [a], dialect));
      client.ack(next);
      const settled = await until((proxy) => proxy.slots.get("default")?.running?.length === 1);
      assert.equal(settled.slots.get("default")?.rejection, undefined);
    });

    test(`a chain that cannot be built now leaves the proxy with what it has (${variant})`, async (t) => {
      const { fleet, open, until } = await startFleet(t);
      const client = open(variant);
      client.subscribe(ECDS, [slot]);
      await until(({ slots }) => slots.has("default"));
      fleet.assign("shop/web-1", new Map([["default", "hold"]]));
      await client.expectSilence();
      fleet.assign("shop/web-1", new Map([["default", [a]]]));
      client.ack(await client.next());
      await until(({ slots }) => slots.get("default")?.running !== undefined);
      fleet.assign("shop/web-1", new Map([["default", "hold"]]));
      await client.expectSilence();
      assert.deepEqual(names(fleet.proxy("shop/web-1")?.slots.get("default")?.desired ?? []), ["shop/a@1"]);
    });

    test(`each filter of a proxy without filter_chain has its own resource, and one that is gone lets everything pass (${variant})`, async (t) => {
      const { fleet, open, until } = await startFleet(t);
      const client = open(variant);
      client.subscribe(ECDS, [wasmName("default", a.filter), wasmName("default", b.filter)]);
      await until(({ slots }) => slots.has("default"));
      fleet.assign("shop/web-1", new Map([["default", [a, b]]]));
      for (const entry of [a, b]) {
        const response = await client.next();
        assert.equal(response.version, wasmVersion("default", entry, dialect));
        client.ack(response);
      }
      const proxy = await until(({ slots }) => slots.get("default")?.running?.length === 2);
      assert.deepEqual(names(proxy.slots.get("default")?.running ?? []), ["shop/a@1", "shop/b@1"]);
      fleet.assign("shop/web-1", new Map([["default", [b]]]));
      const gone = await client.next();
      assert.deepEqual([...gone.resources.keys()], [wasmName("default", a.filter)]);
      assert.deepEqual(gone.removed, []);
      client.ack(gone);
      await until(({ slots }) => slots.get("default")?.running?.length === 1);
    });

    test(`of two streams with one node id both are served, the newest speaks for the proxy, and it stays connected until both are gone (${variant})`, async (t) => {
      const { fleet, open, until } = await startFleet(t);
      const older = open(variant);
      older.subscribe(ECDS, [slot]);
      await until(({ slots }) => slots.has("default"));
      fleet.assign("shop/web-1", new Map([["default", [a]]]));
      older.ack(await older.next());
      await until(({ slots }) => slots.get("default")?.running !== undefined);
      const newer = open(variant);
      newer.subscribe(ECDS, [slot]);
      const response = await newer.next();
      assert.equal(fleet.proxy("shop/web-1")?.slots.get("default")?.running, undefined);
      newer.ack(response);
      await until(({ slots }) => slots.get("default")?.running !== undefined);
      fleet.assign("shop/web-1", new Map([["default", [b]]]));
      older.nack(await older.next());
      newer.ack(await newer.next());
      const proxy = await until(({ slots }) => slots.get("default")?.running?.[0]?.filter.name === "b");
      assert.equal(proxy.slots.get("default")?.rejection, undefined);
      newer.close();
      await older.expectSilence();
      assert.equal(fleet.proxy("shop/web-1")?.connected, true);
      older.close();
      await until(({ connected }) => !connected);
      assert.equal(fleet.proxy("shop/web-1")?.slots.get("default")?.running?.length, 1);
      fleet.forget("shop/web-1");
      assert.equal(fleet.proxy("shop/web-1"), undefined);
    });
  }
});

describe("the fleet", () => {
  test("a proxy that comes back over delta with what it should have counts as running it, without a byte sent", async (t) => {
    const { fleet, open, until } = await startFleet(t);
    const client = open("delta");
    client.subscribe(ECDS, [slot], { [slot]: chainVersion("default", [a], dialect) });
    await until(({ slots }) => slots.has("default"));
    assert.equal(fleet.proxy("shop/web-1")?.slots.get("default")?.running, undefined);
    fleet.assign("shop/web-1", new Map([["default", [a]]]));
    const proxy = await until(({ slots }) => slots.get("default")?.running !== undefined);
    assert.deepEqual(names(proxy.slots.get("default")?.running ?? []), ["shop/a@1"]);
    await client.expectSilence();
  });

  test("what a proxy has is named alike by the server that gave it and by the one it comes to, which does not know what it is", async (t) => {
    const [one, other] = [await startFleet(t), await startFleet(t)];
    const places = [wasmName("default", a.filter), wasmName("default", b.filter)];
    const holds = ({ slots }: ProxyNode) => slots.get("default")?.holds;
    const gave = async (id: string, resources: readonly string[], chain: readonly ChainEntry[]) => {
      const client = one.open("delta", id);
      client.subscribe(ECDS, resources);
      await one.until(({ slots }) => slots.has("default"), id);
      one.fleet.assign(`shop/${id}`, new Map([["default", chain]]));
      for (let acknowledged = 0; acknowledged < resources.length; ) {
        const response = await client.next();
        client.ack(response);
        acknowledged += response.resources.size;
      }
      return holds(await one.until(({ slots }) => slots.get("default")?.running?.length === chain.length, id));
    };
    const comes = async (id: string, says: Readonly<Record<string, string>>) => {
      other.open("delta", id).subscribe(ECDS, Object.keys(says), says);
      const proxy = await other.until(({ slots }) => slots.has("default"), id);
      assert.equal(proxy.slots.get("default")?.isUnread, true);
      return holds(proxy);
    };
    const version = chainVersion("default", [a], dialect);
    assert.deepEqual([await gave("chain", [slot], [a]), await comes("chain", { [slot]: version })], [version, version]);
    const versions = [wasmVersion("default", a, dialect), wasmVersion("default", b, dialect)];
    const both = versions.toSorted().join(" ");
    const [first = "", second = ""] = places;
    const [ofA = "", ofB = ""] = versions;
    assert.equal(await gave("places", places, [a, b]), both);
    assert.equal(await comes("places", { [second]: ofB, [first]: ofA }), both, "in whatever order it names them");
    assert.equal(await comes("odd", { [slot]: "not one of ours" }), "unknown");
  });

  test("a network filter's place is filled with a network filter, found out by the proxy's rejection", async (t) => {
    const { fleet, open, until } = await startFleet(t);
    const client = open("delta");
    const name = wasmName("default", a.filter);
    client.subscribe(ECDS, [name]);
    await until(({ slots }) => slots.has("default"));
    fleet.assign("shop/web-1", new Map());
    client.nack(await client.next(), "filter config has type URL ...http.wasm.v3.Wasm but expect ...network.wasm.v3.Wasm");
    const second = await client.next();
    assert.match(second.resources.get(name)?.value.toString("latin1") ?? "", /filters\.network\.wasm/);
  });

  test("proxies with the same chain share its bytes", async (t) => {
    const { fleet, open, until } = await startFleet(t);
    for (const id of ["web-1", "web-2", "web-3"]) {
      const client = open("delta", id);
      client.subscribe(ECDS, [slot]);
      await until(({ slots }) => slots.has("default"), id);
      fleet.assign(`shop/${id}`, new Map([["default", [a]]]));
      assert.equal((await client.next()).nonce, "1", "the very same response, nonce included");
    }
  });
});
