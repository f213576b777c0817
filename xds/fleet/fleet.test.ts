import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { ChainEntry, ProxyNode } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";
import { silentLog } from "../../model/log.ts";
import type { ModuleBytes } from "../../model/module.ts";
import { chainName, chainVersion, wasmName, wasmVersion } from "../envoy/chain.ts";
import { dialectOf } from "../envoy/dialect.ts";
import { createXdsServer } from "../index.ts";
import { typeUrls } from "../protocol/resource.ts";
import { connect, type TestClient } from "../testing/client.ts";
import { entryFixture } from "../testing/entry.ts";
import { digestFixture, oneModule, slowModules } from "../testing/modules.ts";
import type { Variant } from "../testing/received.ts";

/** Of proxies that tell no version. */
const dialect = dialectOf(false, "");

const ECDS = typeUrls.extensionConfig;
const variants: readonly Variant[] = ["sotw", "delta"];

async function start(t: TestContext, modules: ModuleBytes = oneModule()) {
  let time = 1_000;
  const clock = { now: () => time++, after: () => () => {} };
  const server = createXdsServer({ address: "127.0.0.1:0", log: silentLog, clock, modules });
  const { port } = await server.listen();
  const clients: TestClient[] = [];
  t.after(async () => {
    for (const client of clients) client.close();
    await server.close();
  });
  const open = (variant: Variant, id = "web-1", extra: Parameters<typeof connect>[0]["node"] = {}): TestClient => {
    const client = connect({ port, variant, node: { id, metadata: { NAMESPACE: "shop", LABELS: { app: "web" } }, ...extra } });
    clients.push(client);
    return client;
  };
  /** Resolves once the proxy looks like this. */
  const until = async (holds: (proxy: ProxyNode) => boolean, id = "web-1"): Promise<ProxyNode> => {
    for (;;) {
      const proxy = server.fleet.proxy(id);
      if (proxy !== undefined && holds(proxy)) return proxy;
      await new Promise<void>((resolve) => {
        const stop = server.fleet.onChange(() => {
          stop();
          resolve();
        });
      });
    }
  };
  return { fleet: server.fleet, server, open, until };
}

/** Another revision of a filter. */
function revise(entry: ChainEntry, revision: number): ChainEntry {
  return { ...entry, revision, hash: `${entry.hash}#${revision}` };
}

const a = entryFixture("a");
const b = entryFixture("b");
const slot = chainName("default");
const names = (filters: ProxyNode["slots"] extends ReadonlyMap<string, infer S> ? (S extends { desired: infer D } ? D : never) : never) =>
  filters.map(({ filter, revision }) => `${filterId(filter)}@${revision}`);

for (const variant of variants) {
  test(`a proxy gets nothing before it is assigned, then its chain, and counts as running it when it acknowledges (${variant})`, async (t) => {
    const { fleet, open, until } = await start(t);
    const client = open(variant);
    client.subscribe(ECDS, [slot]);
    const seen = await until((proxy) => proxy.slots.has("default"));
    assert.deepEqual([seen.namespace, seen.labels, seen.connected], ["shop", { app: "web" }, true]);
    await client.expectSilence();
    fleet.assign("web-1", new Map([["default", [a, b]]]));
    const response = await client.next();
    assert.equal(response.version, chainVersion("default", [a, b], dialect));
    assert.equal(fleet.proxy("web-1")?.slots.get("default")?.running, undefined);
    client.ack(response);
    const proxy = await until(({ slots }) => slots.get("default")?.running !== undefined);
    assert.deepEqual(names(proxy.slots.get("default")?.running ?? []), ["shop/a@1", "shop/b@1"]);
    fleet.assign("web-1", new Map([["default", [a, b]]]));
    await client.expectSilence();
  });

  test(`a slot without filters is answered with the empty chain at once (${variant})`, async (t) => {
    const { fleet, open, until } = await start(t);
    const client = open(variant);
    client.subscribe(ECDS, [slot]);
    await until(({ slots }) => slots.has("default"));
    fleet.assign("web-1", new Map());
    const response = await client.next();
    assert.equal(response.version, chainVersion("default", [], dialect));
    client.subscribe(ECDS, [chainName("other")]);
    assert.equal((await client.next()).version, chainVersion("other", [], dialect));
  });

  test(`a rejected chain is replaced by the last good one, is never resent, and names its culprit (${variant})`, async (t) => {
    const { fleet, open, until } = await start(t);
    const client = open(variant);
    client.subscribe(ECDS, [slot]);
    await until(({ slots }) => slots.has("default"));
    fleet.assign("web-1", new Map([["default", [a, b]]]));
    const good = await client.next();
    client.ack(good);
    await until(({ slots }) => slots.get("default")?.running !== undefined);
    const bad = [a, revise(b, 2)];
    fleet.assign("web-1", new Map([["default", bad]]));
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
    fleet.assign("web-1", new Map([["default", [...bad]]]));
    await client.expectSilence();
    fleet.assign("web-1", new Map([["default", [a]]]));
    const next = await client.next();
    assert.equal(next.version, chainVersion("default", [a], dialect));
    client.ack(next);
    const settled = await until((proxy) => proxy.slots.get("default")?.running?.length === 1);
    assert.equal(settled.slots.get("default")?.rejection, undefined);
  });

  test(`a chain that cannot be built now leaves the proxy with what it has (${variant})`, async (t) => {
    const { fleet, open, until } = await start(t);
    const client = open(variant);
    client.subscribe(ECDS, [slot]);
    await until(({ slots }) => slots.has("default"));
    fleet.assign("web-1", new Map([["default", "hold"]]));
    await client.expectSilence();
    fleet.assign("web-1", new Map([["default", [a]]]));
    client.ack(await client.next());
    await until(({ slots }) => slots.get("default")?.running !== undefined);
    fleet.assign("web-1", new Map([["default", "hold"]]));
    await client.expectSilence();
    assert.deepEqual(names(fleet.proxy("web-1")?.slots.get("default")?.desired ?? []), ["shop/a@1"]);
  });

  test(`each filter of a proxy without filter_chain has its own resource, and one that is gone lets everything pass (${variant})`, async (t) => {
    const { fleet, open, until } = await start(t);
    const client = open(variant);
    client.subscribe(ECDS, [wasmName("default", a.filter), wasmName("default", b.filter)]);
    await until(({ slots }) => slots.has("default"));
    fleet.assign("web-1", new Map([["default", [a, b]]]));
    for (const entry of [a, b]) {
      const response = await client.next();
      assert.equal(response.version, wasmVersion("default", entry, dialect));
      client.ack(response);
    }
    const proxy = await until(({ slots }) => slots.get("default")?.running?.length === 2);
    assert.deepEqual(names(proxy.slots.get("default")?.running ?? []), ["shop/a@1", "shop/b@1"]);
    fleet.assign("web-1", new Map([["default", [b]]]));
    const gone = await client.next();
    assert.deepEqual([...gone.resources.keys()], [wasmName("default", a.filter)]);
    assert.deepEqual(gone.removed, []);
    client.ack(gone);
    await until(({ slots }) => slots.get("default")?.running?.length === 1);
  });

  test(`of two streams with one node id both are served, the newest speaks for the proxy, and it stays connected until both are gone (${variant})`, async (t) => {
    const { fleet, open, until } = await start(t);
    const older = open(variant);
    older.subscribe(ECDS, [slot]);
    await until(({ slots }) => slots.has("default"));
    fleet.assign("web-1", new Map([["default", [a]]]));
    older.ack(await older.next());
    await until(({ slots }) => slots.get("default")?.running !== undefined);
    const newer = open(variant);
    newer.subscribe(ECDS, [slot]);
    const response = await newer.next();
    assert.equal(fleet.proxy("web-1")?.slots.get("default")?.running, undefined);
    newer.ack(response);
    await until(({ slots }) => slots.get("default")?.running !== undefined);
    fleet.assign("web-1", new Map([["default", [b]]]));
    older.nack(await older.next());
    newer.ack(await newer.next());
    const proxy = await until(({ slots }) => slots.get("default")?.running?.[0]?.filter.name === "b");
    assert.equal(proxy.slots.get("default")?.rejection, undefined);
    newer.close();
    await older.expectSilence();
    assert.equal(fleet.proxy("web-1")?.connected, true);
    older.close();
    await until(({ connected }) => !connected);
    assert.equal(fleet.proxy("web-1")?.slots.get("default")?.running?.length, 1);
    fleet.forget("web-1");
    assert.equal(fleet.proxy("web-1"), undefined);
  });
}

test("a proxy that comes back over delta with what it should have counts as running it, without a byte sent", async (t) => {
  const { fleet, open, until } = await start(t);
  const client = open("delta");
  client.subscribe(ECDS, [slot], { [slot]: chainVersion("default", [a], dialect) });
  await until(({ slots }) => slots.has("default"));
  assert.equal(fleet.proxy("web-1")?.slots.get("default")?.running, undefined);
  fleet.assign("web-1", new Map([["default", [a]]]));
  const proxy = await until(({ slots }) => slots.get("default")?.running !== undefined);
  assert.deepEqual(names(proxy.slots.get("default")?.running ?? []), ["shop/a@1"]);
  await client.expectSilence();
});

test("a network filter's place is filled with a network filter, found out by the proxy's rejection", async (t) => {
  const { fleet, open, until } = await start(t);
  const client = open("delta");
  const name = wasmName("default", a.filter);
  client.subscribe(ECDS, [name]);
  await until(({ slots }) => slots.has("default"));
  fleet.assign("web-1", new Map());
  client.nack(await client.next(), "filter config has type URL ...http.wasm.v3.Wasm but expect ...network.wasm.v3.Wasm");
  const second = await client.next();
  assert.match(second.resources.get(name)?.value.toString("latin1") ?? "", /filters\.network\.wasm/);
});

test("proxies with the same chain share its bytes", async (t) => {
  const { fleet, server, open, until } = await start(t);
  for (const id of ["web-1", "web-2", "web-3"]) {
    const client = open("delta", id);
    client.subscribe(ECDS, [slot]);
    await until(({ slots }) => slots.has("default"), id);
    fleet.assign(id, new Map([["default", [a]]]));
    assert.equal((await client.next()).nonce, "1", "the very same response, nonce included");
  }
  assert.equal(server.stats().encoded, 1);
});

/** A filter with a module of its own. */
const withModule = (name: string, letter: string): ChainEntry => ({ ...entryFixture(name), wasmDigest: digestFixture(letter) });
const CODE = Buffer.from("code");

describe("modules that are not in memory", () => {
  for (const variant of variants) {
    test(`a chain is sent once its modules are loaded, once for all proxies, and those without them do not wait (${variant})`, async (t) => {
      const modules = slowModules();
      const { fleet, server, open, until } = await start(t, modules);
      const clients = ["web-1", "web-2", "web-3"].map((id) => ({ id, client: open(variant, id) }));
      for (const { id, client } of clients) {
        client.subscribe(ECDS, [slot]);
        await until(({ slots }) => slots.has("default"), id);
      }
      const chain = [withModule("a", "a"), withModule("b", "b")];
      fleet.assign("web-1", new Map([["default", chain]]));
      fleet.assign("web-2", new Map([["default", chain]]));
      fleet.assign("web-3", new Map());
      await clients[2]?.client.next();
      assert.deepEqual(
        modules.loading(),
        chain.map(({ wasmDigest }) => wasmDigest),
      );
      await modules.finish(digestFixture("a"), CODE);
      await clients[0]?.client.expectSilence();
      await modules.finish(digestFixture("b"), CODE);
      const [first, second] = [await clients[0]?.client.next(), await clients[1]?.client.next()];
      assert.equal(first?.version, chainVersion("default", chain, dialect));
      assert.equal(second?.nonce, first?.nonce);
      assert.equal(server.stats().encoded, 2);
    });

    test(`what is overtaken while its modules are loaded is never sent (${variant})`, async (t) => {
      const modules = slowModules();
      const { fleet, open, until } = await start(t, modules);
      const client = open(variant);
      client.subscribe(ECDS, [slot]);
      await until(({ slots }) => slots.has("default"));
      fleet.assign("web-1", new Map([["default", [withModule("a", "a")]]]));
      await client.expectSilence();
      fleet.assign("web-1", new Map());
      assert.equal((await client.next()).version, chainVersion("default", [], dialect));
      await modules.finish(digestFixture("a"), CODE);
      await client.expectSilence();
    });

    test(`a module that is lost holds its slot and no other, is told once, and comes when the chain is assigned again (${variant})`, async (t) => {
      const modules = slowModules();
      const { fleet, open, until } = await start(t, modules);
      const missing: string[] = [];
      fleet.onMissing((wasmDigest) => missing.push(wasmDigest));
      const clients = ["web-1", "web-2"].map((id) => ({ id, client: open(variant, id) }));
      const chain = [withModule("a", "a")];
      for (const { id, client } of clients) {
        client.subscribe(ECDS, [slot, chainName("other")]);
        await until(({ slots }) => slots.has("other"), id);
        fleet.assign(id, new Map([["default", chain]]));
        await client.expectSilence();
      }
      await modules.finish(digestFixture("a"), undefined);
      for (const { id, client } of clients) {
        assert.equal((await client.next()).version, chainVersion("other", [], dialect));
        await client.expectSilence();
        fleet.assign(id, new Map([["default", "hold"]]));
        await client.expectSilence();
      }
      assert.deepEqual(missing, [digestFixture("a")]);
      assert.deepEqual(modules.loading(), []);
      for (const { id, client } of clients) {
        fleet.assign(id, new Map([["default", chain]]));
        await client.expectSilence();
      }
      await modules.finish(digestFixture("a"), CODE);
      for (const { client } of clients) assert.equal((await client.next()).version, chainVersion("default", chain, dialect));
    });
  }

  test("the same chain assigned again is enough for a module that is back", async (t) => {
    const modules = slowModules();
    const { fleet, open, until } = await start(t, modules);
    const client = open("delta");
    client.subscribe(ECDS, [slot]);
    await until(({ slots }) => slots.has("default"));
    const slots = new Map([["default", [withModule("a", "a")]]]);
    fleet.assign("web-1", slots);
    await client.expectSilence();
    await modules.finish(digestFixture("a"), undefined);
    await client.expectSilence();
    assert.deepEqual(modules.loading(), []);
    fleet.assign("web-1", slots);
    await client.expectSilence();
    await modules.finish(digestFixture("a"), CODE);
    await client.next();
  });

  test("a stream that closes while a module is loaded is no trouble, and a proxy that has the version needs no module", async (t) => {
    const modules = slowModules();
    const { fleet, open, until } = await start(t, modules);
    const client = open("delta");
    client.subscribe(ECDS, [slot]);
    await until(({ slots }) => slots.has("default"));
    const chain = [withModule("a", "a")];
    fleet.assign("web-1", new Map([["default", chain]]));
    await client.expectSilence();
    client.close();
    await until(({ connected }) => !connected);
    await modules.finish(digestFixture("a"), CODE);
    modules.forget();
    const back = open("delta");
    back.subscribe(ECDS, [slot], { [slot]: chainVersion("default", chain, dialect) });
    await until(({ slots }) => slots.get("default")?.running !== undefined);
    await back.expectSilence();
    assert.deepEqual(modules.loading(), []);
  });
});
