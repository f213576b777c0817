import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { typeUrls } from "../protocol/resource.ts";
import { everyWay, resourceOf, startDiscovery } from "../testing/discovery.ts";
import { digestFixture, slowModules } from "../testing/modules.ts";
import { namesIn, rule, ways } from "../testing/rules.ts";

const { extensionConfig: ECDS, cluster: CDS, endpoint: EDS, listener: LDS, route: RDS } = typeUrls;
const aggregated = everyWay.filter(({ separate, typeUrl }) => separate === undefined && typeUrl === LDS);

describe("several types on one stream", () => {
  rule("an answer that names another type is ignored", aggregated, async (way, { cache, connect }) => {
    cache.put("/test", resourceOf(LDS, "a", "1"));
    cache.put("/test", resourceOf(RDS, "r", "1"));
    const client = connect(way);
    client.subscribe(LDS, ["a"]);
    const response = await client.next();
    client.send({ typeUrl: RDS, responseNonce: response.nonce, resourceNames: ["r"], resourceNamesSubscribe: ["r"] });
    await client.expectSilence();
    client.ack(response);
    cache.put("/test", resourceOf(LDS, "a", "2"));
    assert.equal((await client.next()).version, "2");
  });

  rule(
    "a request for another type than the service's is ignored",
    ways.filter(({ separate }) => separate === LDS),
    async (way, { cache, connect }) => {
      cache.put("/test", resourceOf(RDS, "r", "1"));
      cache.put("/test", resourceOf(LDS, "a", "1"));
      const client = connect(way);
      client.send({ typeUrl: RDS, resourceNames: ["r"], resourceNamesSubscribe: ["r"] });
      client.subscribe(LDS, ["a"]);
      assert.equal((await client.next()).typeUrl, LDS);
      await client.expectSilence();
    },
  );

  rule(
    "changes made together go out in the order of their dependencies, removals in the reverse",
    aggregated,
    async (way, { cache, connect }) => {
      const order = [CDS, EDS, ECDS, LDS, RDS];
      for (const typeUrl of order)
        cache.set(
          "/test",
          typeUrl,
          ["kept", "old"].map((name) => resourceOf(typeUrl, name, "1")),
        );
      const client = connect(way);
      for (const typeUrl of order) client.subscribe(typeUrl, ["kept", "old", "new"]);
      await client.settle();
      const before = client.responses.length;
      for (const typeUrl of [RDS, LDS, ECDS, EDS, CDS])
        cache.set("/test", typeUrl, [resourceOf(typeUrl, "kept", "1"), resourceOf(typeUrl, "new", "1")]);
      await client.settle();
      const after = client.responses.slice(before);
      const adds = after.filter(({ resources }) => resources.has("new")).map(({ typeUrl }) => typeUrl);
      assert.deepEqual([...new Set(adds)], order);
      if (way.variant === "delta") {
        const removals = after.filter(({ removed }) => removed.includes("old")).map(({ typeUrl }) => typeUrl);
        assert.deepEqual(removals, order.toReversed());
        return;
      }
      // State of the world: what goes stays in the response that adds, and is left out of a later one.
      const clusters = after.filter(({ typeUrl }) => typeUrl === CDS).map(namesIn);
      assert.deepEqual(clusters, [
        ["kept", "new", "old"],
        ["kept", "new"],
      ]);
      assert.equal(after.at(-1)?.typeUrl, CDS);
    },
  );

  rule("a cluster that changes is followed by its endpoints, changed or not", aggregated, async (way, { cache, connect }) => {
    cache.put("/test", resourceOf(CDS, "app", "1"));
    cache.put("/test", resourceOf(EDS, "app", "1"));
    const client = connect(way);
    client.subscribe(CDS, ["app"]);
    client.subscribe(EDS, ["app"]);
    await client.settle();
    cache.put("/test", resourceOf(CDS, "app", "2"));
    assert.equal((await client.next()).typeUrl, CDS);
    const endpoints = await client.next();
    assert.deepEqual([endpoints.typeUrl, endpoints.version], [EDS, "1"]);
  });

  rule(
    "while an extension config is without an answer, only the newest one waits",
    ways.filter(({ typeUrl }) => typeUrl === ECDS),
    async (way, { cache, connect }) => {
      cache.put("/test", resourceOf(ECDS, "a", "1"));
      const client = connect(way);
      client.subscribe(ECDS, ["a"]);
      const first = await client.next();
      for (let version = 2; version <= 50; version++) cache.put("/test", resourceOf(ECDS, "a", String(version)));
      await client.expectSilence();
      client.ack(first);
      const last = await client.next();
      assert.equal(last.version, "50");
      client.ack(last);
      await client.expectSilence();
    },
  );
});

describe("a resource whose module is not in memory", () => {
  for (const variant of ["sotw", "delta"] as const) {
    test(`while a module is loaded, what depends on its resource waits, and what comes before it does not (${variant})`, async (t) => {
      const modules = slowModules();
      const { cache, connect } = await startDiscovery(t, { modules });
      const [wasmDigest, code] = [digestFixture("a"), Buffer.from("code")];
      const put = (typeUrl: string, version: string) => cache.put("/test", resourceOf(typeUrl, "a", version));
      for (const typeUrl of [CDS, ECDS, LDS]) put(typeUrl, "1");
      const client = connect({ variant });
      for (const typeUrl of [CDS, ECDS, LDS]) client.subscribe(typeUrl, ["a"]);
      await client.settle();
      cache.put("/test", { ...resourceOf(ECDS, "a", "2"), modules: [wasmDigest] });
      put(LDS, "2");
      put(CDS, "2");
      assert.equal((await client.next()).typeUrl, CDS);
      await client.expectSilence();
      put(CDS, "3");
      assert.equal((await client.next()).version, "3");
      await modules.finish(wasmDigest, code);
      assert.equal((await client.next()).typeUrl, ECDS);
      assert.equal((await client.next()).typeUrl, LDS);
    });
  }
});
