import assert from "node:assert/strict";
import { describe } from "node:test";
import { rulesOf } from "../protocol/type-rules.ts";
import { everyWay, resourceOf, type Way } from "../testing/discovery.ts";
import { namesIn, rule, ways } from "../testing/rules.ts";

const delta = ways.filter(({ variant }) => variant === "delta");
const sotw = ways.filter(({ variant }) => variant === "sotw");
const whole = (way: Way) => way.variant === "sotw" && rulesOf(way.typeUrl).fullState;
const versions = (held: ReadonlyMap<string, string>) => Object.fromEntries(held);

describe("what a discovery stream sends", () => {
  rule("a subscribed resource is sent once", everyWay, async (way, { cache, connect }) => {
    cache.put("/test", resourceOf(way.typeUrl, "a", "1"));
    const client = connect(way);
    client.subscribe(way.typeUrl, ["a", "a"]);
    const response = await client.next();
    assert.deepEqual(namesIn(response), ["a"]);
    assert.equal(response.version, "1");
    client.ack(response);
    await client.expectSilence();
  });

  rule("nothing is said before something was decided for the node", ways, async (way, { cache, connect }) => {
    const client = connect(way);
    client.subscribe(way.typeUrl, ["a"]);
    await client.expectSilence();
    cache.put("/another", resourceOf(way.typeUrl, "a", "1"));
    await client.expectSilence();
    cache.put("/test", resourceOf(way.typeUrl, "a", "1"));
    assert.deepEqual(namesIn(await client.next()), ["a"]);
  });

  rule("a change is pushed; a change back to the same version is none", ways, async (way, { cache, connect }) => {
    cache.put("/test", resourceOf(way.typeUrl, "a", "1"));
    const client = connect(way);
    client.subscribe(way.typeUrl, ["a"]);
    client.ack(await client.next());
    cache.put("/test", resourceOf(way.typeUrl, "a", "2"));
    const second = await client.next();
    assert.equal(second.version, "2");
    client.ack(second);
    cache.put("/test", resourceOf(way.typeUrl, "a", "2"));
    cache.put("/test", resourceOf(way.typeUrl, "a", "3"));
    cache.put("/test", resourceOf(way.typeUrl, "a", "2"));
    await client.expectSilence();
  });

  rule("rejected content is not sent again until it changes", ways, async (way, { cache, connect }) => {
    cache.put("/test", resourceOf(way.typeUrl, "a", "1"));
    const client = connect(way);
    client.subscribe(way.typeUrl, ["a"]);
    client.nack(await client.next());
    await client.expectSilence();
    cache.put("/test", resourceOf(way.typeUrl, "a", "1"));
    await client.expectSilence();
    cache.put("/test", resourceOf(way.typeUrl, "a", "2"));
    client.nack(await client.next());
    cache.put("/test", resourceOf(way.typeUrl, "a", "1"));
    await client.expectSilence();
    cache.put("/test", resourceOf(way.typeUrl, "a", "3"));
    assert.equal((await client.next()).version, "3");
  });

  rule("a client that rejects forever gets one response for each content", ways, async (way, { cache, connect }) => {
    const client = connect(way);
    client.subscribe(way.typeUrl, ["a"]);
    for (let content = 0; content < 20; content++) {
      cache.put("/test", resourceOf(way.typeUrl, "a", String(content)));
      const response = await client.next();
      for (let again = 0; again < 5; again++) client.nack(response);
      await client.expectSilence();
    }
    assert.equal(client.responses.length, 20);
  });

  rule("a first request with the nonce of another stream is a first request", ways, async (way, { cache, connect }) => {
    cache.put("/test", resourceOf(way.typeUrl, "a", "1"));
    const client = connect(way);
    const subscribe = { resourceNames: ["a"], resourceNamesSubscribe: ["a"] };
    client.send({ typeUrl: way.typeUrl, responseNonce: "of-another-stream", versionInfo: "1", ...subscribe });
    assert.deepEqual(namesIn(await client.next()), ["a"]);
  });

  rule(
    "names in an answer to an overtaken response are superseded by those in the answer to the newest",
    sotw,
    async (way, { cache, connect }) => {
      for (const name of ["a", "b", "c"]) cache.put("/test", resourceOf(way.typeUrl, name, "1"));
      const client = connect(way);
      client.subscribe(way.typeUrl, ["a"]);
      const first = await client.next();
      client.ack(first);
      cache.put("/test", resourceOf(way.typeUrl, "a", "2"));
      const second = await client.next();
      client.send({ typeUrl: way.typeUrl, responseNonce: first.nonce, versionInfo: first.version, resourceNames: ["a", "b"] });
      await client.expectSilence();
      client.send({ typeUrl: way.typeUrl, responseNonce: second.nonce, versionInfo: second.version, resourceNames: ["a", "c"] });
      const third = await client.next();
      assert(third.resources.has("c") && !third.resources.has("b"));
    },
  );

  rule("what an answer to an overtaken response leaves out is unsubscribed at once", sotw, async (way, { cache, connect }) => {
    for (const name of ["a", "b"]) cache.put("/test", resourceOf(way.typeUrl, name, "1"));
    const client = connect(way);
    client.subscribe(way.typeUrl, ["a"]);
    const first = await client.next();
    client.ack(first);
    client.subscribe(way.typeUrl, ["b"]);
    client.ack(await client.next());
    client.send({ typeUrl: way.typeUrl, responseNonce: first.nonce, versionInfo: first.version, resourceNames: [""] });
    await client.expectSilence();
    cache.put("/test", resourceOf(way.typeUrl, "a", "2"));
    cache.put("/test", resourceOf(way.typeUrl, "b", "2"));
    await client.expectSilence();
  });

  rule("a subscription counts whatever nonce comes with it", delta, async (way, { cache, connect }) => {
    for (const name of ["a", "b"]) cache.put("/test", resourceOf(way.typeUrl, name, "1"));
    const client = connect(way);
    client.subscribe(way.typeUrl, ["a"]);
    const first = await client.next();
    client.ack(first);
    client.send({ typeUrl: way.typeUrl, responseNonce: "stale", resourceNamesSubscribe: ["b"] });
    const second = await client.next();
    assert.deepEqual(namesIn(second), ["b"]);
    client.send({ typeUrl: way.typeUrl, responseNonce: first.nonce, resourceNamesUnsubscribe: ["b"] });
    await client.expectSilence();
    cache.put("/test", resourceOf(way.typeUrl, "b", "2"));
    await client.expectSilence();
  });

  rule("what is unsubscribed and subscribed again is sent again", ways, async (way, { cache, connect }) => {
    cache.put("/test", resourceOf(way.typeUrl, "a", "1"));
    cache.put("/test", resourceOf(way.typeUrl, "b", "1"));
    const client = connect(way);
    client.subscribe(way.typeUrl, ["a", "b"]);
    for (let count = 0; count < (whole(way) ? 1 : 2); count++) client.ack(await client.next());
    client.unsubscribe(way.typeUrl, ["a"]);
    await client.expectSilence();
    cache.put("/test", resourceOf(way.typeUrl, "a", "2"));
    await client.expectSilence();
    client.subscribe(way.typeUrl, ["a"]);
    const again = await client.next();
    assert(again.resources.has("a"));
    client.ack(again);
    await client.expectSilence();
  });

  rule("a client that drops its last name has no subscription, wildcard or other", ways, async (way, { cache, connect }) => {
    cache.put("/test", resourceOf(way.typeUrl, "a", "1"));
    const client = connect(way);
    client.subscribe(way.typeUrl, ["a"]);
    client.ack(await client.next());
    client.unsubscribe(way.typeUrl, ["a"]);
    await client.expectSilence();
    cache.put("/test", resourceOf(way.typeUrl, "a", "2"));
    cache.put("/test", resourceOf(way.typeUrl, "b", "1"));
    await client.expectSilence();
  });

  rule("a name that is subscribed already is sent again when it is subscribed again", delta, async (way, { cache, connect }) => {
    cache.put("/test", resourceOf(way.typeUrl, "a", "1"));
    const client = connect(way);
    for (let times = 0; times < 2; times++) {
      client.subscribe(way.typeUrl, ["a"]);
      const response = await client.next();
      assert.deepEqual(namesIn(response), ["a"]);
      client.ack(response);
    }
    await client.expectSilence();
  });

  rule("a name that does not exist is reported as removed, and sent once it does", delta, async (way, { cache, connect }) => {
    cache.open("/test", way.typeUrl);
    const client = connect(way);
    client.subscribe(way.typeUrl, ["nope"]);
    const absent = await client.next();
    assert.deepEqual(absent.removed, ["nope"]);
    client.ack(absent);
    await client.expectSilence();
    cache.put("/test", resourceOf(way.typeUrl, "nope", "1"));
    assert.deepEqual(namesIn(await client.next()), ["nope"]);
  });

  rule("a name that does not exist is sent once it does", sotw, async (way, { cache, connect }) => {
    cache.put("/test", resourceOf(way.typeUrl, "a", "1"));
    const client = connect(way);
    client.subscribe(way.typeUrl, ["a", "nope"]);
    client.ack(await client.next());
    await client.expectSilence();
    cache.put("/test", resourceOf(way.typeUrl, "nope", "1"));
    const response = await client.next();
    assert.deepEqual(namesIn(response), whole(way) ? ["a", "nope"] : ["nope"]);
  });

  rule("a removed resource is removed from the client where the variant has words for it", ways, async (way, { cache, connect }) => {
    cache.set(
      "/test",
      way.typeUrl,
      ["a", "b", "c"].map((name) => resourceOf(way.typeUrl, name, "1")),
    );
    const client = connect(way);
    client.subscribe(way.typeUrl, ["a", "b", "c"]);
    for (let count = 0; count < (whole(way) ? 1 : 3); count++) client.ack(await client.next());
    cache.remove("/test", way.typeUrl, "b");
    if (whole(way) || way.variant === "delta") client.ack(await client.next());
    await client.expectSilence();
    const left = whole(way) || way.variant === "delta" ? { a: "1", c: "1" } : { a: "1", b: "1", c: "1" };
    assert.deepEqual(versions(client.held(way.typeUrl)), left);
  });

  rule("after a reconnect only what differs is sent, and what is gone is removed", delta, async (way, { cache, connect }) => {
    cache.set(
      "/test",
      way.typeUrl,
      ["same", "stale"].map((name) => resourceOf(way.typeUrl, name, "2")),
    );
    const client = connect(way);
    client.subscribe(way.typeUrl, ["same", "stale", "gone"], { same: "2", stale: "1", gone: "1" });
    const responses = [await client.next(), await client.next()];
    assert.deepEqual(responses.flatMap(namesIn), ["stale"]);
    assert.deepEqual(
      responses.flatMap(({ removed }) => removed),
      ["gone"],
    );
    await client.expectSilence();
  });

  rule("a server that was restarted resends nothing", delta, async (way, { cache, connect, restart }) => {
    cache.put("/test", resourceOf(way.typeUrl, "a", "1"));
    const client = connect(way);
    client.subscribe(way.typeUrl, ["a"]);
    client.ack(await client.next());
    const again = await restart();
    const back = again.connect(way);
    back.subscribe(way.typeUrl, ["a"], versions(client.held(way.typeUrl)));
    await back.expectSilence();
    again.cache.put("/test", resourceOf(way.typeUrl, "a", "1"));
    await back.expectSilence();
    again.cache.put("/test", resourceOf(way.typeUrl, "a", "2"));
    assert.equal((await back.next()).version, "2");
  });
});
