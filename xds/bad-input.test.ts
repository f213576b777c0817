import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { DeltaDiscoveryRequest, DiscoveryRequest } from "./gen/envoy/service/discovery/v3/discovery.ts";
import { status } from "./grpc/status.ts";
import { typeUrls } from "./protocol/resource.ts";
import { parseNode } from "./stream/node.ts";
import { resourceOf, type StartedDiscovery, startDiscovery } from "./testing/discovery.ts";
import type { Variant } from "./testing/received.ts";

const ECDS = typeUrls.extensionConfig;
const LDS = typeUrls.listener;
const DELTA = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const variants: readonly Variant[] = ["sotw", "delta"];
const MIB = 1024 * 1024;

setFlagsFromString("--expose_gc");
const gc: () => void = runInNewContext("gc");

/** Bytes in use after a collection: the heap and what buffers hold. */
function memory(): number {
  // Buffers go with the second.
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A client that must not notice anything. Call the result to see that it gets a change at once; it reports how long that took. */
async function bystander({ cache, connect }: StartedDiscovery): Promise<() => Promise<number>> {
  cache.put("bystander", resourceOf(ECDS, "a", "0"));
  const client = connect({ variant: "delta", node: { id: "bystander" } });
  client.subscribe(ECDS, ["a"]);
  client.ack(await client.next());
  let version = 0;
  return async () => {
    version += 1;
    const began = performance.now();
    cache.put("bystander", resourceOf(ECDS, "a", String(version)));
    const response = await client.next();
    assert.equal(response.version, String(version));
    client.ack(response);
    return performance.now() - began;
  };
}

const figure = (t: TestContext, text: string) => t.diagnostic(text);
const ms = (value: number) => `${value.toFixed(1)} ms`;
const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;

test("bytes that are no HTTP/2 end that connection and touch no other", async (t) => {
  const started = await startDiscovery(t);
  const unaffected = await bystander(started);
  for (let count = 0; count < 50; count++) {
    const socket = connectTcp(started.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.end(Buffer.alloc(10_000, count));
    socket.resume();
    await once(socket, "close");
  }
  figure(t, `50 connections of garbage; a bystander's change took ${ms(await unaffected())}`);
});

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
    figure(t, `${garbage.length} streams refused; a bystander's change took ${ms(await unaffected())}`);
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
    started.cache.open("test", ECDS);
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
    assert.match(details, /at most 10000 resources/);
    assert.equal([...started.discovery.streams()].length, 1, "only the bystander is left");
    const grown = memory() - before;
    assert(grown < 24 * MIB, `${mib(grown)} more in use`);
    figure(t, `${mib(grown)} more in use after; a bystander's change took ${ms(await unaffected())}`);
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
    started.cache.put("test", resourceOf(LDS, "big", "0", MIB));
    client.subscribe(LDS, ["big"]);
    client.ack(await client.next());
    client.pause();
    const before = memory();
    let slowest = 0;
    for (let version = 1; version <= 200; version++) {
      started.cache.put("test", resourceOf(LDS, "big", String(version), MIB));
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
    figure(
      t,
      `200 changes of 1 MiB unread: ${mib(grown)} more in use, ${received} versions came in the end; a bystander waited ${ms(slowest)} at most`,
    );
  });

  test(`answers that make no sense change nothing (${variant})`, async (t) => {
    const started = await startDiscovery(t);
    const { cache, connect } = started;
    cache.put("test", resourceOf(ECDS, "a", "1"));
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
    cache.put("test", resourceOf(ECDS, "a", "2"));
    assert.equal((await client.next()).version, "2");
    figure(t, `2,000 nonsense answers, ${client.responses.length} responses in all`);
  });
}

test("a request beyond the size limit is refused before it is read", async (t) => {
  const started = await startDiscovery(t);
  const unaffected = await bystander(started);
  const session = connectHttp2(`http://127.0.0.1:${started.port}`);
  t.after(() => session.destroy());
  const before = memory();
  const stream = session.request({ ":method": "POST", ":path": DELTA, "content-type": "application/grpc" });
  const answered = once(stream, "response");
  const chunk = Buffer.alloc(MIB, 0xff);
  chunk.writeUInt8(0);
  for (let sent = 0; sent < 64 && !stream.closed; sent++) if (!stream.write(chunk)) await new Promise((done) => setTimeout(done, 1));
  const [headers] = await answered;
  assert.equal(headers["grpc-status"], String(status.resourceExhausted));
  assert.match(decodeURIComponent(String(headers["grpc-message"])), /at most 4194304 bytes/);
  assert.equal([...started.discovery.streams()].length, 1, "only the bystander is left");
  stream.destroy();
  const grown = memory() - before;
  assert(grown < 16 * MIB, `${mib(grown)} more in use`);
  figure(t, `a message of 4 GiB announced, 64 MiB sent: ${mib(grown)} more in use; a bystander's change took ${ms(await unaffected())}`);
});

test("streams and connections that are opened and dropped in a loop leave nothing behind", async (t) => {
  const started = await startDiscovery(t);
  const unaffected = await bystander(started);
  const connection = async (streams: number) => {
    const session = connectHttp2(`http://127.0.0.1:${started.port}`);
    session.on("error", () => {});
    await Promise.all(Array.from({ length: streams }, () => dropped(session)));
    session.destroy();
    await once(session, "close");
  };
  const round = async (connections: number) => {
    for (let done = 0; done < connections; done++) await connection(50);
    await unaffected();
  };
  await round(10);
  const before = memory();
  const began = performance.now();
  await round(40);
  const perStream = (performance.now() - began) / 2_000;
  const grown = memory() - before;
  while ([...started.discovery.streams()].length > 1) await unaffected();
  assert.equal(started.cache.size(), 1);
  assert(grown < 2 * MIB, `${mib(grown)} more in use`);
  figure(t, `2,000 streams, ${ms(perStream)} each, ${mib(grown)} more in use; a bystander's change took ${ms(await unaffected())}`);
});

test("a client that resets streams without end is cut off", async (t) => {
  const started = await startDiscovery(t);
  const unaffected = await bystander(started);
  const session = connectHttp2(`http://127.0.0.1:${started.port}`);
  const closed = new Promise<void>((done) => session.once("close", done));
  session.on("error", () => {});
  let count = 0;
  for (; count < 10_000 && !session.destroyed; count += 50) await Promise.all(Array.from({ length: 50 }, () => dropped(session)));
  await closed;
  assert(count < 5_000);
  figure(t, `cut off after ${count} resets; a bystander's change took ${ms(await unaffected())}`);
});

/** Opens a discovery stream and drops it. */
async function dropped(session: ClientHttp2Session): Promise<void> {
  if (session.destroyed || session.closed) return;
  const request = DeltaDiscoveryRequest.encode({ node: { id: "loop" }, typeUrl: ECDS, resourceNamesSubscribe: ["a"] }).finish();
  const stream = session.request({ ":method": "POST", ":path": DELTA, "content-type": "application/grpc" });
  const gone = new Promise<void>((done) => stream.once("close", done));
  stream.on("error", () => {});
  stream.write(Buffer.concat([Buffer.from([0, 0, 0, 0, request.length]), request]));
  stream.close();
  await gone;
}

test("what is no gRPC call is told so", async (t) => {
  const { port } = await startDiscovery(t);
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const ask = async (headers: Record<string, string>, body?: Buffer) => {
    const stream = session.request({ ":method": "POST", ":path": DELTA, "content-type": "application/grpc", ...headers });
    let answer: Record<string, unknown> = {};
    stream.on("response", (response) => {
      answer = { ...answer, ...response };
    });
    stream.on("trailers", (trailers) => {
      answer = { ...answer, ...trailers };
    });
    stream.end(body);
    stream.resume();
    await once(stream, "close");
    return answer;
  };
  assert.equal((await ask({ "content-type": "application/json" }))[":status"], 415);
  assert.equal((await ask({ ":method": "GET" }))[":status"], 415);
  assert.equal((await ask({ ":path": "/no.such/Method" }))["grpc-status"], String(status.unimplemented));
  assert.equal((await ask({}, Buffer.from([1, 0, 0, 0, 1, 0])))["grpc-status"], String(status.unimplemented));
  assert.equal((await ask({}))["grpc-status"], String(status.ok));
});

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

/** A request whose node metadata is nested far deeper than any real one. */
function deeplyNested(variant: Variant): Buffer {
  let value = Buffer.from([0x08, 0x00]);
  const wrap = (tag: number, inner: Buffer) => Buffer.concat([Buffer.from([tag]), varint(inner.length), inner]);
  for (let depth = 0; depth < 10_000; depth++) value = wrap(0x32, wrap(0x0a, value));
  const metadata = wrap(0x0a, Buffer.concat([wrap(0x0a, Buffer.from("x")), wrap(0x12, value)]));
  const node = Buffer.concat([wrap(0x0a, Buffer.from("deep")), wrap(0x1a, metadata)]);
  return wrap(variant === "delta" ? 0x0a : 0x12, node);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128);
  return Buffer.from([...bytes, left]);
}
