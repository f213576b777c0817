import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DeltaDiscoveryRequest, DiscoveryRequest } from "./gen/envoy/service/discovery/v3/discovery.ts";
import { status } from "./grpc/status.ts";
import { typeUrls } from "./protocol/resource.ts";
import { parseNode } from "./stream/node.ts";
import { bystander, MIB, memory, mib, ms } from "./testing/bystander.ts";
import type { TestClient } from "./testing/client.ts";
import { resourceOf, startDiscovery } from "./testing/discovery.ts";
import type { Variant } from "./testing/received.ts";

const ECDS = typeUrls.extensionConfig;
const LDS = typeUrls.listener;
const variants: readonly Variant[] = ["sotw", "delta"];

/** A request whose node metadata is nested far deeper than any real one. */
function deeplyNested(variant: Variant): Buffer {
  let value = Buffer.from([0x08, 0x00]);
  const wrap = (tag: number, inner: Buffer) => Buffer.concat([Buffer.from([tag]), varint(inner.length), inner]);
  for (let depth = 0; depth < 10_000; depth++) value = wrap(0x32, wrap(0x0a, value));
  const metadata = wrap(0x0a, Buffer.concat([wrap(0x0a, Buffer.from("LABELS")), wrap(0x12, value)]));
  const node = Buffer.concat([wrap(0x0a, Buffer.from("deep")), wrap(0x1a, metadata)]);
  return wrap(variant === "delta" ? 0x0a : 0x12, node);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128);
  return Buffer.from([...bytes, left]);
}

describe("requests that make no sense", () => {
  for (const variant of variants) {
    test(`a message that is no request is answered with INVALID_ARGUMENT (${variant})`, async (t) => {
      const started = await startDiscovery(t);
      const unaffected = await bystander(started);
      const garbage = [Buffer.from([0xff, 0xff, 0xff]), Buffer.from([10, 200, 1, 1]), Buffer.alloc(1000, 0x0a), deeplyNested(variant)];
      for (const bytes of garbage) {
        const client = started.connect({ variant });
        client.sendRaw(bytes);
        const { code, details } = await client.ended;
        assert.equal(code, status.invalidArgument);
        assert.match(details, /not a valid|node\.id/);
      }
      t.diagnostic(`${garbage.length} streams refused; a bystander's change took ${ms(await unaffected())}`);
    });

    test(`a first request without a node id is answered with INVALID_ARGUMENT and what to do (${variant})`, async (t) => {
      const { connect } = await startDiscovery(t);
      for (const node of [{}, { id: "" }, { id: "x".repeat(2000) }]) {
        const client = connect({ variant, node });
        client.subscribe(ECDS, ["a"]);
        const { code, details } = await client.ended;
        assert.equal(code, status.invalidArgument);
        assert.match(details, /node\.id/);
      }
    });

    test(`a request on the aggregated service without a type is answered with INVALID_ARGUMENT (${variant})`, async (t) => {
      const { connect } = await startDiscovery(t);
      const client = connect({ variant });
      client.send({ resourceNames: ["a"], resourceNamesSubscribe: ["a"] });
      const { code, details } = await client.ended;
      assert.equal(code, status.invalidArgument);
      assert.match(details, /type_url/);
    });

    test(`a million subscribed names are refused with RESOURCE_EXHAUSTED, at once or little by little (${variant})`, async (t) => {
      const started = await startDiscovery(t);
      started.cache.open("/test", ECDS);
      const unaffected = await bystander(started);
      const names = (from: number, count: number) => Array.from({ length: count }, (_, index) => `name-${from + index}`);
      const request = (from: number, count: number) => {
        const message = { node: { id: "test" }, typeUrl: ECDS };
        if (variant === "sotw") return DiscoveryRequest.encode({ ...message, resourceNames: names(0, from + count) }).finish();
        return DeltaDiscoveryRequest.encode({ ...message, resourceNamesSubscribe: names(from, count) }).finish();
      };
      const before = memory();
      const atOnce = started.connect({ variant });
      atOnce.sendRaw(request(0, 1_000_000));
      assert.equal((await atOnce.ended).code, status.resourceExhausted);
      const byAndBy = started.connect({ variant });
      for (let from = 0; from < 20_000; from += 1000) byAndBy.sendRaw(request(from, 1000));
      const { code, details } = await byAndBy.ended;
      assert.equal(code, status.resourceExhausted);
      assert.match(details, /at most 5000 resources/);
      assert.equal([...started.discovery.streams()].length, 1, "only the bystander is left");
      const grown = memory() - before;
      assert(grown < 24 * MIB, `${mib(grown)} more in use`);
      t.diagnostic(`${mib(grown)} more in use after; a bystander's change took ${ms(await unaffected())}`);
    });

    test(`when all together have too many names, proxies as they are go on, and so do those with a few when all have far too many (${variant})`, async (t) => {
      const { connect } = await startDiscovery(t, { namesInAll: 1_000, namesAtMost: 3_000 });
      const names = (count: number) => Array.from({ length: count }, (_, index) => `name-${index}`);
      let last = 0;
      const open = (count: number) => {
        const client = connect({ variant, node: { id: `node-${++last}` } });
        client.subscribe(ECDS, names(count));
        return client;
      };
      const refused = async (client: TestClient, most: number) => {
        const { code, details } = await client.ended;
        assert.equal(code, status.resourceExhausted);
        assert.match(details, new RegExp(`ask for at most ${most} on this connection`));
      };
      const first = open(900);
      await first.expectSilence();
      await refused(open(513), 256);
      for (let count = 0; count < 10; count++) await open(200).expectSilence();
      await refused(open(200), 64);
      await open(128).expectSilence();
      first.close();
      await open(200).expectSilence();
    });

    test(`a stream may have all the names that the bound says, with a resource for each, and one more is refused (${variant})`, async (t) => {
      const started = await startDiscovery(t, { names: 100 });
      const names = Array.from({ length: 101 }, (_, index) => `name-${index}`);
      for (const name of names) started.cache.put("/test", resourceOf(ECDS, name, "0", 10));
      const first = started.connect({ variant });
      first.subscribe(ECDS, names.slice(1));
      await first.settle();
      const held = Object.fromEntries(first.held(ECDS));
      assert.equal(Object.keys(held).length, 100);
      first.close();
      // It comes back, and says what it holds.
      const again = started.connect({ variant });
      again.subscribe(ECDS, names.slice(1), variant === "delta" ? held : {});
      await again.settle();
      again.subscribe(ECDS, names);
      const settled = again.settle().catch(() => {});
      const { code, details } = await again.ended;
      await settled;
      assert.equal(code, status.resourceExhausted);
      assert.match(details, /at most 100 resources/);
    });

    test(`a stream may carry only so many types (${variant})`, async (t) => {
      const { connect } = await startDiscovery(t);
      const client = connect({ variant });
      for (let count = 0; count < 40; count++) client.subscribe(`type.googleapis.com/unknown.Type${count}`, ["a"]);
      const { code, details } = await client.ended;
      assert.equal(code, status.resourceExhausted);
      assert.match(details, /32 resource types/);
    });

    test(`a stream that never reads is sent what fits its window, and on reading again the newest only (${variant})`, async (t) => {
      const started = await startDiscovery(t);
      const unaffected = await bystander(started);
      const client = started.connect({ variant });
      started.cache.put("/test", resourceOf(LDS, "big", "0", MIB));
      client.subscribe(LDS, ["big"]);
      client.ack(await client.next());
      client.pause();
      const before = memory();
      let slowest = 0;
      for (let version = 1; version <= 200; version++) {
        started.cache.put("/test", resourceOf(LDS, "big", String(version), MIB));
        slowest = Math.max(slowest, await unaffected());
      }
      const grown = memory() - before;
      assert(grown < 24 * MIB, `${mib(grown)} more in use`);
      client.resume();
      let last = "";
      let received = 0;
      while (last !== "200") {
        last = (await client.next()).version;
        received += 1;
      }
      assert(received < 20, `${received} of 200 versions came`);
      t.diagnostic(
        `200 changes of 1 MiB unread: ${mib(grown)} more in use, ${received} versions came in the end; a bystander waited ${ms(slowest)} at most`,
      );
    });

    test(`answers that make no sense change nothing (${variant})`, async (t) => {
      const started = await startDiscovery(t);
      const { cache, connect } = started;
      cache.put("/test", resourceOf(ECDS, "a", "1"));
      const client = connect({ variant });
      client.subscribe(ECDS, ["a"]);
      const first = await client.next();
      for (let count = 0; count < 2_000; count++) {
        const errorDetail = count % 2 === 0 ? {} : { errorDetail: { code: count, message: "nonsense" } };
        client.send({
          typeUrl: ECDS,
          responseNonce: `nonsense-${count}`,
          versionInfo: "nonsense",
          resourceNames: ["a", "x"],
          ...errorDetail,
        });
      }
      await client.expectSilence();
      client.ack(first);
      client.ack(first);
      client.nack({ ...first, resources: new Map() });
      await client.expectSilence();
      cache.put("/test", resourceOf(ECDS, "a", "2"));
      assert.equal((await client.next()).version, "2");
      t.diagnostic(`2,000 nonsense answers, ${client.responses.length} responses in all`);
    });
  }

  test("labels are taken for what they are, whatever their names", () => {
    const labels = JSON.parse('{"__proto__": "polluted", "constructor": "x", "number": 1, "app": "web"}');
    const node = parseNode({ id: "a", hasFilterChain: false, metadata: { LABELS: labels, NAMESPACE: 7 } });
    assert(node.ok);
    assert.equal(node.value.namespace, "");
    assert.equal(Object.getPrototypeOf(node.value.labels), Object.prototype);
    assert.equal(Object.getOwnPropertyDescriptor(node.value.labels, "__proto__")?.value, "polluted");
    assert.equal(node.value.labels.app, "web");
    assert.equal(Object.hasOwn(node.value.labels, "number"), false);
  });
});
