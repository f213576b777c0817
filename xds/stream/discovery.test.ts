import assert from "node:assert/strict";
import { test } from "node:test";
import { typeUrls } from "../protocol/resource.ts";
import { rulesOf } from "../protocol/type-rules.ts";
import { everyWay, resourceOf, type StartedDiscovery, startDiscovery, type Way } from "../testing/discovery.ts";
import { digestFixture, slowModules } from "../testing/modules.ts";
import type { Received } from "../testing/received.ts";

const { extensionConfig: ECDS, cluster: CDS, endpoint: EDS, listener: LDS, route: RDS } = typeUrls;
/** Types with the same rules are as good as one another. */
const ways = everyWay.filter(({ typeUrl }) => [LDS, RDS, ECDS].some((other) => other === typeUrl));
const delta = ways.filter(({ variant }) => variant === "delta");
const sotw = ways.filter(({ variant }) => variant === "sotw");
const whole = (way: Way) => way.variant === "sotw" && rulesOf(way.typeUrl).fullState;

/** A test of one rule in each of these ways of speaking. */
function rule(text: string, over: readonly Way[], run: (way: Way, started: StartedDiscovery) => Promise<void>): void {
  for (const way of over) test(`${text} (${way.name})`, async (t) => run(way, await startDiscovery(t)));
}

const names = (response: Received) => [...response.resources.keys()].sort();
const versions = (held: ReadonlyMap<string, string>) => Object.fromEntries(held);

rule("a subscribed resource is sent once", everyWay, async (way, { cache, connect }) => {
  cache.put("test", resourceOf(way.typeUrl, "a", "1"));
  const client = connect(way);
  client.subscribe(way.typeUrl, ["a", "a"]);
  const response = await client.next();
  assert.deepEqual(names(response), ["a"]);
  assert.equal(response.version, "1");
  client.ack(response);
  await client.expectSilence();
});

rule("nothing is said before something was decided for the node", ways, async (way, { cache, connect }) => {
  const client = connect(way);
  client.subscribe(way.typeUrl, ["a"]);
  await client.expectSilence();
  cache.put("another", resourceOf(way.typeUrl, "a", "1"));
  await client.expectSilence();
  cache.put("test", resourceOf(way.typeUrl, "a", "1"));
  assert.deepEqual(names(await client.next()), ["a"]);
});

rule("a change is pushed; a change back to the same version is none", ways, async (way, { cache, connect }) => {
  cache.put("test", resourceOf(way.typeUrl, "a", "1"));
  const client = connect(way);
  client.subscribe(way.typeUrl, ["a"]);
  client.ack(await client.next());
  cache.put("test", resourceOf(way.typeUrl, "a", "2"));
  const second = await client.next();
  assert.equal(second.version, "2");
  client.ack(second);
  cache.put("test", resourceOf(way.typeUrl, "a", "2"));
  cache.put("test", resourceOf(way.typeUrl, "a", "3"));
  cache.put("test", resourceOf(way.typeUrl, "a", "2"));
  await client.expectSilence();
});

rule("rejected content is not sent again until it changes", ways, async (way, { cache, connect }) => {
  cache.put("test", resourceOf(way.typeUrl, "a", "1"));
  const client = connect(way);
  client.subscribe(way.typeUrl, ["a"]);
  client.nack(await client.next());
  await client.expectSilence();
  cache.put("test", resourceOf(way.typeUrl, "a", "1"));
  await client.expectSilence();
  cache.put("test", resourceOf(way.typeUrl, "a", "2"));
  client.nack(await client.next());
  cache.put("test", resourceOf(way.typeUrl, "a", "1"));
  await client.expectSilence();
  cache.put("test", resourceOf(way.typeUrl, "a", "3"));
  assert.equal((await client.next()).version, "3");
});

rule("a client that rejects forever gets one response for each content", ways, async (way, { cache, connect }) => {
  const client = connect(way);
  client.subscribe(way.typeUrl, ["a"]);
  for (let content = 0; content < 20; content++) {
    cache.put("test", resourceOf(way.typeUrl, "a", String(content)));
    const response = await client.next();
    for (let again = 0; again < 5; again++) client.nack(response);
    await client.expectSilence();
  }
  assert.equal(client.responses.length, 20);
});

rule("a first request with the nonce of another stream is a first request", ways, async (way, { cache, connect }) => {
  cache.put("test", resourceOf(way.typeUrl, "a", "1"));
  const client = connect(way);
  const subscribe = { resourceNames: ["a"], resourceNamesSubscribe: ["a"] };
  client.send({ typeUrl: way.typeUrl, responseNonce: "of-another-stream", versionInfo: "1", ...subscribe });
  assert.deepEqual(names(await client.next()), ["a"]);
});

rule(
  "names in an answer to an overtaken response are superseded by those in the answer to the newest",
  sotw,
  async (way, { cache, connect }) => {
    for (const name of ["a", "b", "c"]) cache.put("test", resourceOf(way.typeUrl, name, "1"));
    const client = connect(way);
    client.subscribe(way.typeUrl, ["a"]);
    const first = await client.next();
    client.ack(first);
    cache.put("test", resourceOf(way.typeUrl, "a", "2"));
    const second = await client.next();
    client.send({ typeUrl: way.typeUrl, responseNonce: first.nonce, versionInfo: first.version, resourceNames: ["a", "b"] });
    await client.expectSilence();
    client.send({ typeUrl: way.typeUrl, responseNonce: second.nonce, versionInfo: second.version, resourceNames: ["a", "c"] });
    const third = await client.next();
    assert(third.resources.has("c") && !third.resources.has("b"));
  },
);

rule("what an answer to an overtaken response leaves out is unsubscribed at once", sotw, async (way, { cache, connect }) => {
  for (const name of ["a", "b"]) cache.put("test", resourceOf(way.typeUrl, name, "1"));
  const client = connect(way);
  client.subscribe(way.typeUrl, ["a"]);
  const first = await client.next();
  client.ack(first);
  client.subscribe(way.typeUrl, ["b"]);
  client.ack(await client.next());
  client.send({ typeUrl: way.typeUrl, responseNonce: first.nonce, versionInfo: first.version, resourceNames: [""] });
  await client.expectSilence();
  cache.put("test", resourceOf(way.typeUrl, "a", "2"));
  cache.put("test", resourceOf(way.typeUrl, "b", "2"));
  await client.expectSilence();
});

rule("a subscription counts whatever nonce comes with it", delta, async (way, { cache, connect }) => {
  for (const name of ["a", "b"]) cache.put("test", resourceOf(way.typeUrl, name, "1"));
  const client = connect(way);
  client.subscribe(way.typeUrl, ["a"]);
  const first = await client.next();
  client.ack(first);
  client.send({ typeUrl: way.typeUrl, responseNonce: "stale", resourceNamesSubscribe: ["b"] });
  const second = await client.next();
  assert.deepEqual(names(second), ["b"]);
  client.send({ typeUrl: way.typeUrl, responseNonce: first.nonce, resourceNamesUnsubscribe: ["b"] });
  await client.expectSilence();
  cache.put("test", resourceOf(way.typeUrl, "b", "2"));
  await client.expectSilence();
});

rule("what is unsubscribed and subscribed again is sent again", ways, async (way, { cache, connect }) => {
  cache.put("test", resourceOf(way.typeUrl, "a", "1"));
  cache.put("test", resourceOf(way.typeUrl, "b", "1"));
  const client = connect(way);
  client.subscribe(way.typeUrl, ["a", "b"]);
  for (let count = 0; count < (whole(way) ? 1 : 2); count++) client.ack(await client.next());
  client.unsubscribe(way.typeUrl, ["a"]);
  await client.expectSilence();
  cache.put("test", resourceOf(way.typeUrl, "a", "2"));
  await client.expectSilence();
  client.subscribe(way.typeUrl, ["a"]);
  const again = await client.next();
  assert(again.resources.has("a"));
  client.ack(again);
  await client.expectSilence();
});

rule("a client that drops its last name has no subscription, wildcard or other", ways, async (way, { cache, connect }) => {
  cache.put("test", resourceOf(way.typeUrl, "a", "1"));
  const client = connect(way);
  client.subscribe(way.typeUrl, ["a"]);
  client.ack(await client.next());
  client.unsubscribe(way.typeUrl, ["a"]);
  await client.expectSilence();
  cache.put("test", resourceOf(way.typeUrl, "a", "2"));
  cache.put("test", resourceOf(way.typeUrl, "b", "1"));
  await client.expectSilence();
});

rule("a name that is subscribed already is sent again when it is subscribed again", delta, async (way, { cache, connect }) => {
  cache.put("test", resourceOf(way.typeUrl, "a", "1"));
  const client = connect(way);
  for (let times = 0; times < 2; times++) {
    client.subscribe(way.typeUrl, ["a"]);
    const response = await client.next();
    assert.deepEqual(names(response), ["a"]);
    client.ack(response);
  }
  await client.expectSilence();
});

rule("a name that does not exist is reported as removed, and sent once it does", delta, async (way, { cache, connect }) => {
  cache.open("test", way.typeUrl);
  const client = connect(way);
  client.subscribe(way.typeUrl, ["nope"]);
  const absent = await client.next();
  assert.deepEqual(absent.removed, ["nope"]);
  client.ack(absent);
  await client.expectSilence();
  cache.put("test", resourceOf(way.typeUrl, "nope", "1"));
  assert.deepEqual(names(await client.next()), ["nope"]);
});

rule("a name that does not exist is sent once it does", sotw, async (way, { cache, connect }) => {
  cache.put("test", resourceOf(way.typeUrl, "a", "1"));
  const client = connect(way);
  client.subscribe(way.typeUrl, ["a", "nope"]);
  client.ack(await client.next());
  await client.expectSilence();
  cache.put("test", resourceOf(way.typeUrl, "nope", "1"));
  const response = await client.next();
  assert.deepEqual(names(response), whole(way) ? ["a", "nope"] : ["nope"]);
});

rule("a removed resource is removed from the client where the variant has words for it", ways, async (way, { cache, connect }) => {
  cache.set(
    "test",
    way.typeUrl,
    ["a", "b", "c"].map((name) => resourceOf(way.typeUrl, name, "1")),
  );
  const client = connect(way);
  client.subscribe(way.typeUrl, ["a", "b", "c"]);
  for (let count = 0; count < (whole(way) ? 1 : 3); count++) client.ack(await client.next());
  cache.remove("test", way.typeUrl, "b");
  if (whole(way) || way.variant === "delta") client.ack(await client.next());
  await client.expectSilence();
  const left = whole(way) || way.variant === "delta" ? { a: "1", c: "1" } : { a: "1", b: "1", c: "1" };
  assert.deepEqual(versions(client.held(way.typeUrl)), left);
});

rule("after a reconnect only what differs is sent, and what is gone is removed", delta, async (way, { cache, connect }) => {
  cache.set(
    "test",
    way.typeUrl,
    ["same", "stale"].map((name) => resourceOf(way.typeUrl, name, "2")),
  );
  const client = connect(way);
  client.subscribe(way.typeUrl, ["same", "stale", "gone"], { same: "2", stale: "1", gone: "1" });
  const responses = [await client.next(), await client.next()];
  assert.deepEqual(responses.flatMap(names), ["stale"]);
  assert.deepEqual(
    responses.flatMap(({ removed }) => removed),
    ["gone"],
  );
  await client.expectSilence();
});

rule("a server that was restarted resends nothing", delta, async (way, { cache, connect, restart }) => {
  cache.put("test", resourceOf(way.typeUrl, "a", "1"));
  const client = connect(way);
  client.subscribe(way.typeUrl, ["a"]);
  client.ack(await client.next());
  const again = await restart();
  const back = again.connect(way);
  back.subscribe(way.typeUrl, ["a"], versions(client.held(way.typeUrl)));
  await back.expectSilence();
  again.cache.put("test", resourceOf(way.typeUrl, "a", "1"));
  await back.expectSilence();
  again.cache.put("test", resourceOf(way.typeUrl, "a", "2"));
  assert.equal((await back.next()).version, "2");
});

rule("an empty name is no wildcard and no resource", ways, async (way, { cache, connect }) => {
  cache.put("test", resourceOf(way.typeUrl, "a", "1"));
  const client = connect(way);
  client.send({ typeUrl: way.typeUrl, resourceNames: [""], resourceNamesSubscribe: [""] });
  await client.expectSilence();
});

const wildcards = ways.filter(({ typeUrl }) => rulesOf(typeUrl).wildcard);

rule(
  "a first request without names asks for everything, names end that, and dropping them asks for nothing",
  wildcards,
  async (way, { cache, connect }) => {
    cache.set(
      "test",
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
    cache.put("test", resourceOf(way.typeUrl, "b", "2"));
    await take(1);
    client.unsubscribe(way.typeUrl, ["*"]);
    await client.expectSilence();
    cache.put("test", resourceOf(way.typeUrl, "b", "3"));
    await client.expectSilence();
    cache.put("test", resourceOf(way.typeUrl, "a", "2"));
    await take(1);
    client.unsubscribe(way.typeUrl, ["a"]);
    await client.expectSilence();
    cache.put("test", resourceOf(way.typeUrl, "a", "3"));
    await client.expectSilence();
  },
);

rule("an explicit wildcard follows what comes and goes", wildcards, async (way, { cache, connect }) => {
  cache.set("test", way.typeUrl, [resourceOf(way.typeUrl, "a", "1")]);
  const client = connect(way);
  client.subscribe(way.typeUrl, ["*"]);
  client.ack(await client.next());
  cache.put("test", resourceOf(way.typeUrl, "b", "1"));
  client.ack(await client.next());
  cache.remove("test", way.typeUrl, "a");
  client.ack(await client.next());
  assert.deepEqual(versions(client.held(way.typeUrl)), { b: "1" });
  await client.expectSilence();
});

rule("a wildcard over nothing is answered, so that the client need not wait for it", wildcards, async (way, { cache, connect }) => {
  cache.open("test", way.typeUrl);
  const client = connect(way);
  client.wildcard(way.typeUrl);
  const response = await client.next();
  assert.equal(response.resources.size, 0);
  client.ack(response);
  await client.expectSilence();
});

const deltaWildcards = wildcards.filter(({ variant }) => variant === "delta");

rule(
  "a name dropped while a wildcard holds is sent or reported as removed: the client cannot know",
  deltaWildcards,
  async (way, { cache, connect }) => {
    cache.set("test", way.typeUrl, [resourceOf(way.typeUrl, "a", "1")]);
    const client = connect(way);
    client.subscribe(way.typeUrl, ["*", "a", "nope"]);
    client.ack(await client.next());
    client.ack(await client.next());
    client.unsubscribe(way.typeUrl, ["a"]);
    const still = await client.next();
    assert.deepEqual(names(still), ["a"]);
    client.ack(still);
    client.unsubscribe(way.typeUrl, ["nope"]);
    assert.deepEqual((await client.next()).removed, ["nope"]);
  },
);

const aggregated = everyWay.filter(({ separate, typeUrl }) => separate === undefined && typeUrl === LDS);

rule("an answer that names another type is ignored", aggregated, async (way, { cache, connect }) => {
  cache.put("test", resourceOf(LDS, "a", "1"));
  cache.put("test", resourceOf(RDS, "r", "1"));
  const client = connect(way);
  client.subscribe(LDS, ["a"]);
  const response = await client.next();
  client.send({ typeUrl: RDS, responseNonce: response.nonce, resourceNames: ["r"], resourceNamesSubscribe: ["r"] });
  await client.expectSilence();
  client.ack(response);
  cache.put("test", resourceOf(LDS, "a", "2"));
  assert.equal((await client.next()).version, "2");
});

rule(
  "a request for another type than the service's is ignored",
  ways.filter(({ separate }) => separate === LDS),
  async (way, { cache, connect }) => {
    cache.put("test", resourceOf(RDS, "r", "1"));
    cache.put("test", resourceOf(LDS, "a", "1"));
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
        "test",
        typeUrl,
        ["kept", "old"].map((name) => resourceOf(typeUrl, name, "1")),
      );
    const client = connect(way);
    for (const typeUrl of order) client.subscribe(typeUrl, ["kept", "old", "new"]);
    await client.settle();
    const before = client.responses.length;
    for (const typeUrl of [RDS, LDS, ECDS, EDS, CDS])
      cache.set("test", typeUrl, [resourceOf(typeUrl, "kept", "1"), resourceOf(typeUrl, "new", "1")]);
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
    const clusters = after.filter(({ typeUrl }) => typeUrl === CDS).map(names);
    assert.deepEqual(clusters, [
      ["kept", "new", "old"],
      ["kept", "new"],
    ]);
    assert.equal(after.at(-1)?.typeUrl, CDS);
  },
);

rule("a cluster that changes is followed by its endpoints, changed or not", aggregated, async (way, { cache, connect }) => {
  cache.put("test", resourceOf(CDS, "app", "1"));
  cache.put("test", resourceOf(EDS, "app", "1"));
  const client = connect(way);
  client.subscribe(CDS, ["app"]);
  client.subscribe(EDS, ["app"]);
  await client.settle();
  cache.put("test", resourceOf(CDS, "app", "2"));
  assert.equal((await client.next()).typeUrl, CDS);
  const endpoints = await client.next();
  assert.deepEqual([endpoints.typeUrl, endpoints.version], [EDS, "1"]);
});

rule(
  "while an extension config is without an answer, only the newest one waits",
  ways.filter(({ typeUrl }) => typeUrl === ECDS),
  async (way, { cache, connect }) => {
    cache.put("test", resourceOf(ECDS, "a", "1"));
    const client = connect(way);
    client.subscribe(ECDS, ["a"]);
    const first = await client.next();
    for (let version = 2; version <= 50; version++) cache.put("test", resourceOf(ECDS, "a", String(version)));
    await client.expectSilence();
    client.ack(first);
    const last = await client.next();
    assert.equal(last.version, "50");
    client.ack(last);
    await client.expectSilence();
  },
);

for (const variant of ["sotw", "delta"] as const) {
  test(`while a module is loaded, what depends on its resource waits, and what comes before it does not (${variant})`, async (t) => {
    const modules = slowModules();
    const { cache, connect } = await startDiscovery(t, { modules });
    const [wasmDigest, code] = [digestFixture("a"), Buffer.from("code")];
    const put = (typeUrl: string, version: string) => cache.put("test", resourceOf(typeUrl, "a", version));
    for (const typeUrl of [CDS, ECDS, LDS]) put(typeUrl, "1");
    const client = connect({ variant });
    for (const typeUrl of [CDS, ECDS, LDS]) client.subscribe(typeUrl, ["a"]);
    await client.settle();
    cache.put("test", { ...resourceOf(ECDS, "a", "2"), modules: [wasmDigest] });
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
