import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ChainEntry } from "../../model/delivery.ts";
import { chainName, chainVersion } from "../envoy/chain.ts";
import { dialectOf } from "../envoy/dialect.ts";
import { typeUrls } from "../protocol/resource.ts";
import { entryFixture } from "../testing/entry.ts";
import { startFleet } from "../testing/fleet.ts";
import { digestFixture, slowModules } from "../testing/modules.ts";
import type { Variant } from "../testing/received.ts";

/** Of proxies that tell no version. */
const dialect = dialectOf(false, "");

const ECDS = typeUrls.extensionConfig;
const variants: readonly Variant[] = ["sotw", "delta"];
const slot = chainName("default");

/** A filter with a module of its own. */
const withModule = (name: string, letter: string): ChainEntry => ({ ...entryFixture(name), wasmDigest: digestFixture(letter) });
const CODE = Buffer.from("code");

describe("modules that are not in memory", () => {
  for (const variant of variants) {
    test(`a chain is sent once its modules are loaded, once for all proxies, and those without them do not wait (${variant})`, async (t) => {
      const modules = slowModules();
      const { fleet, open, until } = await startFleet(t, modules);
      const clients = ["web-1", "web-2", "web-3"].map((id) => ({ id, client: open(variant, id) }));
      for (const { id, client } of clients) {
        client.subscribe(ECDS, [slot]);
        await until(({ slots }) => slots.has("default"), id);
      }
      const chain = [withModule("a", "a"), withModule("b", "b")];
      fleet.assign("shop/web-1", new Map([["default", chain]]));
      fleet.assign("shop/web-2", new Map([["default", chain]]));
      fleet.assign("shop/web-3", new Map());
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
    });

    test(`chains whose modules never stay in memory are all sent, one after the other (${variant})`, async (t) => {
      let loads = 0;
      const { fleet, open, until } = await startFleet(t, {
        peek: () => undefined,
        async load() {
          loads += 1;
          await new Promise(setImmediate);
          return CODE;
        },
      });
      const letters = [..."abcdef"];
      const client = open(variant);
      client.subscribe(ECDS, letters.map(chainName));
      await until(({ slots }) => letters.every((letter) => slots.has(letter)));
      fleet.assign("shop/web-1", new Map(letters.map((letter) => [letter, [withModule(letter, letter)]])));
      for (const _ of letters) client.ack(await client.next());
      assert.deepEqual([...client.held(ECDS).keys()].sort(), letters.map(chainName));
      assert.equal(loads, letters.length, "each is loaded once");
    });

    test(`what is overtaken while its modules are loaded is never sent (${variant})`, async (t) => {
      const modules = slowModules();
      const { fleet, open, until } = await startFleet(t, modules);
      const client = open(variant);
      client.subscribe(ECDS, [slot]);
      await until(({ slots }) => slots.has("default"));
      fleet.assign("shop/web-1", new Map([["default", [withModule("a", "a")]]]));
      await client.expectSilence();
      fleet.assign("shop/web-1", new Map());
      assert.equal((await client.next()).version, chainVersion("default", [], dialect));
      await modules.finish(digestFixture("a"), CODE);
      await client.expectSilence();
    });

    test(`a module that is lost holds its slot and no other, is told once, and comes when the chain is assigned again (${variant})`, async (t) => {
      const modules = slowModules();
      const { fleet, open, until } = await startFleet(t, modules);
      const missing: string[] = [];
      fleet.onMissing((wasmDigest) => missing.push(wasmDigest));
      const clients = ["web-1", "web-2"].map((id) => ({ id, client: open(variant, id) }));
      const chain = [withModule("a", "a")];
      for (const { id, client } of clients) {
        client.subscribe(ECDS, [slot, chainName("other")]);
        await until(({ slots }) => slots.has("other"), id);
        fleet.assign(`shop/${id}`, new Map([["default", chain]]));
        await client.expectSilence();
      }
      await modules.finish(digestFixture("a"), undefined);
      for (const { id, client } of clients) {
        assert.equal((await client.next()).version, chainVersion("other", [], dialect));
        await client.expectSilence();
        fleet.assign(`shop/${id}`, new Map([["default", "hold"]]));
        await client.expectSilence();
      }
      assert.deepEqual(missing, [digestFixture("a")]);
      assert.deepEqual(modules.loading(), []);
      for (const { id, client } of clients) {
        fleet.assign(`shop/${id}`, new Map([["default", chain]]));
        await client.expectSilence();
      }
      await modules.finish(digestFixture("a"), CODE);
      for (const { client } of clients) assert.equal((await client.next()).version, chainVersion("default", chain, dialect));
    });
  }

  test("the same chain assigned again is enough for a module that is back", async (t) => {
    const modules = slowModules();
    const { fleet, open, until } = await startFleet(t, modules);
    const client = open("delta");
    client.subscribe(ECDS, [slot]);
    await until(({ slots }) => slots.has("default"));
    const slots = new Map([["default", [withModule("a", "a")]]]);
    fleet.assign("shop/web-1", slots);
    await client.expectSilence();
    await modules.finish(digestFixture("a"), undefined);
    await client.expectSilence();
    assert.deepEqual(modules.loading(), []);
    fleet.assign("shop/web-1", slots);
    await client.expectSilence();
    await modules.finish(digestFixture("a"), CODE);
    await client.next();
  });

  test("a stream that closes while a module is loaded is no trouble, and a proxy that has the version needs no module", async (t) => {
    const modules = slowModules();
    const { fleet, open, until } = await startFleet(t, modules);
    const client = open("delta");
    client.subscribe(ECDS, [slot]);
    await until(({ slots }) => slots.has("default"));
    const chain = [withModule("a", "a")];
    fleet.assign("shop/web-1", new Map([["default", chain]]));
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
