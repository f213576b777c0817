import assert from "node:assert/strict";
import { describe } from "node:test";
import { rulesOf } from "../protocol/type-rules.ts";
import { resourceOf } from "../testing/discovery.ts";
import { namesIn, rule, ways } from "../testing/rules.ts";

const wildcards = ways.filter(({ typeUrl }) => rulesOf(typeUrl).wildcard);
const deltaWildcards = wildcards.filter(({ variant }) => variant === "delta");
const versions = (held: ReadonlyMap<string, string>) => Object.fromEntries(held);

describe("a wildcard subscription", () => {
  rule("an empty name is no wildcard and no resource", ways, async (way, { cache, connect }) => {
    cache.put("/test", resourceOf(way.typeUrl, "a", "1"));
    const client = connect(way);
    client.send({ typeUrl: way.typeUrl, resourceNames: [""], resourceNamesSubscribe: [""] });
    await client.expectSilence();
  });

  rule(
    "a first request without names asks for everything, names end that, and dropping them asks for nothing",
    wildcards,
    async (way, { cache, connect }) => {
      cache.set(
        "/test",
        way.typeUrl,
        ["a", "b"].map((name) => resourceOf(way.typeUrl, name, "1")),
      );
      const client = connect(way);
      const take = async (count: number) => {
        for (let left = way.variant === "delta" ? count : 1; left > 0; left--) client.ack(await client.next());
        await client.expectSilence();
      };
      client.wildcard(way.typeUrl);
      await take(2);
      assert.deepEqual(versions(client.held(way.typeUrl)), { a: "1", b: "1" });
      client.subscribe(way.typeUrl, way.variant === "sotw" ? ["*", "a"] : ["a"]);
      await take(1);
      cache.put("/test", resourceOf(way.typeUrl, "b", "2"));
      await take(1);
      client.unsubscribe(way.typeUrl, ["*"]);
      await client.expectSilence();
      cache.put("/test", resourceOf(way.typeUrl, "b", "3"));
      await client.expectSilence();
      cache.put("/test", resourceOf(way.typeUrl, "a", "2"));
      await take(1);
      client.unsubscribe(way.typeUrl, ["a"]);
      await client.expectSilence();
      cache.put("/test", resourceOf(way.typeUrl, "a", "3"));
      await client.expectSilence();
    },
  );

  rule("an explicit wildcard follows what comes and goes", wildcards, async (way, { cache, connect }) => {
    cache.set("/test", way.typeUrl, [resourceOf(way.typeUrl, "a", "1")]);
    const client = connect(way);
    client.subscribe(way.typeUrl, ["*"]);
    client.ack(await client.next());
    cache.put("/test", resourceOf(way.typeUrl, "b", "1"));
    client.ack(await client.next());
    cache.remove("/test", way.typeUrl, "a");
    client.ack(await client.next());
    assert.deepEqual(versions(client.held(way.typeUrl)), { b: "1" });
    await client.expectSilence();
  });

  rule("a wildcard over nothing is answered, so that the client need not wait for it", wildcards, async (way, { cache, connect }) => {
    cache.open("/test", way.typeUrl);
    const client = connect(way);
    client.wildcard(way.typeUrl);
    const response = await client.next();
    assert.equal(response.resources.size, 0);
    client.ack(response);
    await client.expectSilence();
  });

  rule(
    "a name dropped while a wildcard holds is sent or reported as removed: the client cannot know",
    deltaWildcards,
    async (way, { cache, connect }) => {
      cache.set("/test", way.typeUrl, [resourceOf(way.typeUrl, "a", "1")]);
      const client = connect(way);
      client.subscribe(way.typeUrl, ["*", "a", "nope"]);
      client.ack(await client.next());
      client.ack(await client.next());
      client.unsubscribe(way.typeUrl, ["a"]);
      const still = await client.next();
      assert.deepEqual(namesIn(still), ["a"]);
      client.ack(still);
      client.unsubscribe(way.typeUrl, ["nope"]);
      assert.deepEqual((await client.next()).removed, ["nope"]);
    },
  );
});
