import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { Client, credentials, type StatusObject } from "@grpc/grpc-js";
import {
  errorCode,
  FRAME_HEADER,
  flag,
  frameType,
  headerBlock,
  makeFrame,
  PREFACE,
  setting,
  settingsFrame,
  words,
} from "../testing/raw-http2.ts";
import type { Call, Method } from "./call.ts";
import { frame, MessageReader } from "./message.ts";
import { createGrpcServer, type GrpcServerOptions } from "./server.ts";
import { status } from "./status.ts";

const ECHO = "/test.Test/Echo";
const MIB = 1024 * 1024;

/** What clients there are go first when a test ends. */
const ends: (() => void)[] = [];

/** Sends every message back. */
const echo: Method = (call) => ({
  message: (bytes) => void call.send(frame([bytes])),
  halfClosed: () => call.end(status.ok),
  closed() {},
});

async function start(t: TestContext, methods: Record<string, Method> = { [ECHO]: echo }, options: Partial<GrpcServerOptions> = {}) {
  const refusals: string[] = [];
  const refused = (_peer: string, _reason: string, why: string) => void refusals.push(why);
  const server = createGrpcServer({
    methods: new Map(Object.entries(methods)),
    maxRequestSize: 8 * MIB,
    maxConnectionAgeMs: 0,
    graceMs: 300,
    refused,
    ...options,
  });
  const { port } = await server.listen("127.0.0.1:0");
  t.after(async () => {
    for (const end of ends.splice(0)) end();
    await server.close();
  });
  return { server, port, refusals };
}

function session(port: number, settings: { initialWindowSize?: number } = {}): ClientHttp2Session {
  const client = connectHttp2(`http://127.0.0.1:${port}`, { settings });
  client.on("error", () => {});
  ends.push(() => client.destroy());
  return client;
}

function request(client: ClientHttp2Session, path = ECHO) {
  const stream = client.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" });
  stream.on("error", () => {});
  return stream;
}

/** A connection that says what it likes: the frames that it gets back, as [type, flags, stream, payload]. */
function raw(port: number): { socket: Socket; frames: [number, number, number, Buffer][]; closed: Promise<unknown> } {
  const socket = connectTcp(port, "127.0.0.1");
  const frames: [number, number, number, Buffer][] = [];
  let pending = Buffer.alloc(0);
  socket.on("data", (bytes) => {
    pending = Buffer.concat([pending, bytes]);
    while (pending.length >= FRAME_HEADER && pending.length >= FRAME_HEADER + pending.readUIntBE(0, 3)) {
      const end = FRAME_HEADER + pending.readUIntBE(0, 3);
      frames.push([pending[3] ?? 0, pending[4] ?? 0, pending.readUInt32BE(5), pending.subarray(FRAME_HEADER, end)]);
      pending = pending.subarray(end);
    }
  });
  socket.on("error", () => {});
  ends.push(() => socket.destroy());
  return { socket, frames, closed: once(socket, "close") };
}

const goodRequest = headerBlock({
  ":method": "POST",
  ":scheme": "http",
  ":authority": "a",
  ":path": ECHO,
  "content-type": "application/grpc",
});

describe("messages and statuses", () => {
  test("grpc-js talks to it: messages both ways, and a status with its words", async (t) => {
    const greet: Method = (call) => ({ message: () => call.end(status.notFound, "nothing hereß at 100%"), halfClosed() {}, closed() {} });
    const { port } = await start(t, { [ECHO]: echo, "/test.Test/Fail": greet });
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    ends.push(() => client.close());
    const identity = (bytes: Buffer) => bytes;
    const call = client.makeBidiStreamRequest(ECHO, identity, identity);
    call.on("error", () => {});
    for (const text of ["one", "two", "x".repeat(100_000)]) {
      call.write(Buffer.from(text));
      const [answer] = await once(call, "data");
      assert.equal(String(answer), text);
    }
    call.end();
    call.resume();
    const how = await new Promise<StatusObject>((done) => call.on("status", done));
    assert.equal(how.code, status.ok);
    const failed = client.makeBidiStreamRequest("/test.Test/Fail", identity, identity);
    failed.on("error", () => {});
    failed.write(Buffer.from("x"));
    failed.resume();
    const why = await new Promise<StatusObject>((done) => failed.on("status", done));
    assert.deepEqual([why.code, why.details], [status.notFound, "nothing hereß at 100%"]);
  });

  test("a message larger than the client's windows arrives whole, as the client takes it", async (t) => {
    const { port } = await start(t);
    const client = session(port, { initialWindowSize: 1_000 });
    const stream = request(client);
    const message = Buffer.alloc(3 * MIB, "abcdefg");
    stream.write(frame([message]));
    const messages = new MessageReader(8 * MIB);
    for await (const bytes of stream) {
      messages.push(bytes);
      const whole = messages.next();
      if (typeof whole !== "object") continue;
      assert(whole.equals(message));
      break;
    }
  });

  test("one message for many arrives whole at each, whatever its parts are", async (t) => {
    const calls: Call[] = [];
    const method: Method = (call) => {
      calls.push(call);
      return { message() {}, halfClosed() {}, closed() {} };
    };
    const { port } = await start(t, { [ECHO]: method });
    for (const sizes of [[], [1], [16_379], [16_380, 1], [3, 40_000, 0, 5, 16_384], [200_000]]) {
      const parts = sizes.map((size, index) => Buffer.alloc(size, index + 1));
      const streams = [1, 2, 3].map(() => request(session(port)));
      while (calls.length < streams.length) await new Promise((done) => setImmediate(done));
      const message = frame(parts);
      for (const call of calls.splice(0)) call.send(message);
      for (const stream of streams) {
        const messages = new MessageReader(MIB);
        let whole = messages.next();
        for await (const bytes of stream) {
          messages.push(bytes);
          whole = messages.next();
          if (whole !== undefined) break;
        }
        assert(typeof whole === "object" && whole.equals(Buffer.concat(parts)), `parts of ${sizes.join(", ")} bytes`);
      }
    }
  });

  test("bytes are taken however they are cut", async (t) => {
    const { port } = await start(t);
    const { socket, frames } = raw(port);
    const message = frame([Buffer.from("cut to pieces")]);
    const all = Buffer.concat([
      PREFACE,
      settingsFrame([]),
      makeFrame(frameType.headers, flag.endHeaders, 1, goodRequest),
      makeFrame(frameType.data, flag.endStream, 1, message),
    ]);
    socket.setNoDelay(true);
    for (const byte of all) {
      socket.write(Buffer.from([byte]));
      await new Promise((done) => setImmediate(done));
    }
    while (!frames.some(([type, flags]) => type === frameType.headers && flags & flag.endStream)) await once(socket, "data");
    const data = frames.find(([type]) => type === frameType.data)?.[3];
    assert(data?.equals(message));
  });
});

describe("clients that read slowly", () => {
  test("a client that widens its windows in its settings gets what waited after their acknowledgement", async (t) => {
    const { port } = await start(t);
    const client = session(port, { initialWindowSize: 0 });
    const stream = request(client);
    const message = Buffer.alloc(50_000, "abc");
    stream.write(frame([message]));
    await once(stream, "response");
    client.settings({ initialWindowSize: 100_000 });
    const messages = new MessageReader(MIB);
    // Node's client ends the session when data comes that its acknowledged windows do not allow.
    for await (const bytes of stream) {
      messages.push(bytes);
      if (messages.next() !== undefined) return;
    }
    assert.fail("the message did not come");
  });

  test("a call that is held back is told when it may go on", async (t) => {
    let call: Call | undefined;
    let drained = 0;
    const method: Method = (opened) => {
      call = opened;
      return { message() {}, drained: () => drained++, halfClosed() {}, closed() {} };
    };
    const { port } = await start(t, { [ECHO]: method });
    const client = session(port, { initialWindowSize: 10_000 });
    const stream = request(client);
    while (call === undefined) await new Promise((done) => setImmediate(done));
    assert.equal(call.send(frame([Buffer.alloc(5_000)])), true);
    assert.equal(call.send(frame([Buffer.alloc(50_000)])), false);
    let received = 0;
    stream.on("data", (bytes: Buffer) => {
      received += bytes.length;
    });
    while (received < 55_010) await new Promise((done) => setImmediate(done));
    assert.equal(drained, 1);
  });

  test("clients that read nothing hold one copy of a message together", async (t) => {
    const calls: Call[] = [];
    const method: Method = (call) => {
      calls.push(call);
      return { message() {}, halfClosed() {}, closed() {} };
    };
    const { port } = await start(t, { [ECHO]: method });
    const streams = Array.from({ length: 50 }, () => request(session(port)).pause());
    while (calls.length < streams.length) await new Promise((done) => setImmediate(done));
    const before = process.memoryUsage().arrayBuffers;
    const message = frame([Buffer.alloc(4 * MIB)]);
    for (const call of calls) assert.equal(call.send(message), false);
    await new Promise((done) => setTimeout(done, 100));
    const grown = process.memoryUsage().arrayBuffers - before;
    t.diagnostic(`50 clients that read nothing of 4 MiB: ${(grown / MIB).toFixed(1)} MiB more, clients included`);
    assert(grown < 24 * MIB);
  });

  test("a client that does not take its status is reset", { timeout: 15_000 }, async (t) => {
    let call: Call | undefined;
    let closed = 0;
    const method: Method = (opened) => {
      call = opened;
      return { message() {}, halfClosed() {}, closed: () => closed++ };
    };
    const { port } = await start(t, { [ECHO]: method });
    const client = session(port, { initialWindowSize: 1_000 });
    const stream = request(client).pause();
    while (call === undefined) await new Promise((done) => setImmediate(done));
    call.send(frame([Buffer.alloc(10_000)]));
    call.end(status.unavailable, "later");
    await once(stream, "close");
    assert.equal(stream.rstCode, constants.NGHTTP2_CANCEL);
    while (closed === 0) await new Promise((done) => setImmediate(done));
    assert.equal(closed, 1);
  });
});

describe("the life of a connection", () => {
  test("a connection that is old is asked to go, one that is dead is cut", async (t) => {
    const { port, server } = await start(t, undefined, { maxConnectionAgeMs: 50 });
    const client = session(port);
    const [code] = await once(client, "goaway");
    assert.equal(code, constants.NGHTTP2_NO_ERROR);
    await once(client, "close");
    const deaf = await start(t, undefined, { keepaliveMs: 50 });
    const { socket, closed } = raw(deaf.port);
    socket.write(Buffer.concat([PREFACE, settingsFrame([])]));
    await closed;
    while (deaf.server.connections() + server.connections() > 0) await new Promise((done) => setImmediate(done));
  });

  test("a client that reads nothing and answers no ping is cut, whatever waits for it", async (t) => {
    const sendMuch: Method = (call) => {
      call.send(frame([Buffer.alloc(32 * MIB)]));
      return { message() {}, halfClosed() {}, closed() {} };
    };
    const { port, server } = await start(t, { [ECHO]: sendMuch }, { keepaliveMs: 100 });
    const { socket, closed } = raw(port);
    const window = 64 * MIB;
    socket.pause();
    socket.write(
      Buffer.concat([
        PREFACE,
        settingsFrame([[setting.initialWindowSize, window]]),
        makeFrame(frameType.windowUpdate, 0, 0, words(window)),
        makeFrame(frameType.headers, flag.endHeaders, 1, goodRequest),
      ]),
    );
    while (server.connections() === 0) await new Promise((done) => setImmediate(done));
    while (server.connections() > 0) await new Promise((done) => setImmediate(done));
    socket.resume();
    await closed;
  });

  test("a live connection answers pings and stays", async (t) => {
    const { port, server } = await start(t, undefined, { keepaliveMs: 300 });
    const client = session(port);
    let pings = 0;
    client.on("ping", () => pings++);
    while (pings < 3) await once(client, "ping");
    assert.equal(server.connections(), 1);
  });

  test("a connection that may owe several answers is cut for the last of them, and not for a time in which this process did nothing", async (t) => {
    const keepaliveMs = 200;
    const { port, server } = await start(t, undefined, { keepaliveMs, keepaliveProbes: 2 });
    const client = session(port);
    await once(client, "ping");
    // Its next turn comes late, and the answer waits to be read meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5 * keepaliveMs);
    for (let pings = 0; pings < 3; pings++) await once(client, "ping");
    assert.equal(server.connections(), 1);
    client.destroy();
    const { socket, closed } = raw(port);
    socket.write(Buffer.concat([PREFACE, settingsFrame([])]));
    const from = performance.now();
    await closed;
    const ms = performance.now() - from;
    assert.ok(ms > 2 * keepaliveMs && ms < 20 * keepaliveMs, `${ms} ms`);
  });

  test("a method can ask the connection of its call to go: GOAWAY, and the call may end", async (t) => {
    let call: Call | undefined;
    const method: Method = (opened) => {
      call = opened;
      return { message() {}, halfClosed() {}, closed() {} };
    };
    const { port, server } = await start(t, { [ECHO]: method });
    const [client, other] = [session(port), session(port)];
    const stream = request(client);
    while (call === undefined || server.connections() < 2) await new Promise((done) => setImmediate(done));
    assert.match(call.connection.address, /^127\.0\.0\.1:\d+$/);
    call.connection.retire();
    call.connection.retire();
    const [code, lastStream] = await once(client, "goaway");
    assert.deepEqual([code, lastStream], [constants.NGHTTP2_NO_ERROR, 1]);
    const gone = once(client, "close");
    stream.resume();
    call.end(status.ok);
    await gone;
    assert.equal(other.destroyed, false);
    while (server.connections() > 1) await new Promise((done) => setImmediate(done));
  });
});

/** nghttp2 ends what exceeds its own bounds with INTERNAL_ERROR. */
const faults: Record<string, { readonly bytes: Buffer; readonly code: number }> = {
  "no SETTINGS first": { bytes: makeFrame(frameType.ping, 0, 0, Buffer.alloc(8)), code: errorCode.protocol },
  "a frame too large": {
    bytes: Buffer.concat([settingsFrame([]), Buffer.from([0, 0x40, 1, 0, 0, 0, 0, 0, 1])]),
    code: errorCode.frameSize,
  },
  "data on a stream that was never opened": {
    bytes: Buffer.concat([settingsFrame([]), makeFrame(frameType.data, 0, 1, Buffer.alloc(1))]),
    code: errorCode.protocol,
  },
  "a stream with an even number": {
    bytes: Buffer.concat([settingsFrame([]), makeFrame(frameType.headers, flag.endHeaders, 2, goodRequest)]),
    code: errorCode.protocol,
  },
  "a broken header block": {
    bytes: Buffer.concat([settingsFrame([]), makeFrame(frameType.headers, flag.endHeaders, 1, Buffer.from([0xff, 0xff]))]),
    code: errorCode.compression,
  },
  "a frame amid a header block": {
    bytes: Buffer.concat([
      settingsFrame([]),
      makeFrame(frameType.headers, 0, 1, goodRequest),
      makeFrame(frameType.ping, 0, 0, Buffer.alloc(8)),
    ]),
    code: errorCode.protocol,
  },
  "a header block without end": {
    bytes: Buffer.concat([
      settingsFrame([]),
      makeFrame(frameType.headers, 0, 1, goodRequest),
      ...Array.from({ length: 10 }, () => makeFrame(frameType.continuation, 0, 1, Buffer.alloc(16_000))),
    ]),
    code: errorCode.internal,
  },
  "a window that grows beyond its bound": {
    bytes: Buffer.concat([settingsFrame([]), makeFrame(frameType.windowUpdate, 0, 0, words(2 ** 31 - 1))]),
    code: errorCode.flowControl,
  },
  "pings without end": {
    bytes: Buffer.concat([settingsFrame([]), ...Array.from({ length: 2_000 }, () => makeFrame(frameType.ping, 0, 0, Buffer.alloc(8)))]),
    code: errorCode.enhanceYourCalm,
  },
  "empty data without end": {
    bytes: Buffer.concat([
      settingsFrame([]),
      makeFrame(frameType.headers, flag.endHeaders, 1, goodRequest),
      ...Array.from({ length: 2_000 }, () => makeFrame(frameType.data, 0, 1, Buffer.alloc(0))),
    ]),
    code: errorCode.internal,
  },
  "a push": {
    bytes: Buffer.concat([settingsFrame([]), makeFrame(frameType.pushPromise, 0, 1, Buffer.alloc(4))]),
    code: errorCode.protocol,
  },
};

describe("clients that are faster than the server", () => {
  test("requests that come faster than they are handled are slowed, and none is lost", async (t) => {
    let handled = 0;
    let bytes = 0;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const slow: Method = (call) => ({
      async message(request) {
        bytes += request.length;
        await new Promise((wake) => setTimeout(wake, 10));
        handled += 1;
      },
      halfClosed() {
        call.end(status.ok);
        resolve();
      },
      closed: resolve,
    });
    const { port, refusals } = await start(t, { [ECHO]: slow, "/test.Test/Other": echo }, { maxRequestSize: MIB });
    const client = session(port);
    const stream = request(client);
    const other = request(client, "/test.Test/Other");
    const closed = once(stream, "close");
    stream.resume();
    const message = frame([Buffer.alloc(100_000)]);
    let sent = 0;
    for (let count = 0; count < 80; count++) stream.write(message, () => void sent++);
    stream.end();
    // Others of the connection are not held up, and what waits is not taken.
    other.end(frame([Buffer.from("hello")]));
    const [answer] = await once(other, "data");
    assert.equal(String(answer.subarray(5)), "hello");
    assert.ok(sent - handled <= 30, `${sent} sent, ${handled} handled`);
    await done;
    assert.deepEqual({ handled, bytes, refusals }, { handled: 80, bytes: 80 * 100_000, refusals: [] });
    await closed;
  });

  test("a call that ends while its client is slowed is over for good", async (t) => {
    const { promise: over, resolve: closed } = Promise.withResolvers<void>();
    const stuck: Method = (call) => ({
      async message() {
        await new Promise((wake) => setTimeout(wake, 50));
        call.end(status.unavailable, "enough");
      },
      halfClosed() {},
      closed,
    });
    const { port, server } = await start(t, { [ECHO]: stuck }, { maxRequestSize: MIB, idleMs: 0 });
    const client = session(port);
    const stream = request(client);
    const ended = once(stream, "close");
    for (let count = 0; count < 50; count++) stream.write(frame([Buffer.alloc(100_000)]));
    const [headers] = await once(stream, "response");
    assert.equal(headers["grpc-status"], String(status.unavailable));
    stream.resume();
    await ended;
    await over;
    // Its connection has no call any more, so it may go.
    await once(client, "close");
    while (server.connections() > 0) await new Promise(setImmediate);
  });
});

describe("a server that is drained", () => {
  test("takes nobody new, asks one connection after the other to go, serves them until then, and is done when all are gone", async (t) => {
    const { port, server } = await start(t);
    const clients = Array.from({ length: 5 }, () => session(port));
    const streams = clients.map((client) => request(client));
    const ask = async (stream: ReturnType<typeof request>) => {
      stream.write(frame([Buffer.from("hello")]));
      await once(stream, "data");
    };
    await Promise.all(streams.map(ask));
    const asked: number[] = [];
    for (const client of clients) client.once("goaway", () => asked.push(performance.now()));
    const gone = Promise.all(clients.map((client) => once(client, "close")));
    const from = performance.now();
    const drained = server.drain(1_000);
    await assert.rejects(once(connectTcp(port, "127.0.0.1"), "connect"), /ECONNREFUSED/);
    for (const stream of streams.slice(-1)) await ask(stream);
    for (const [index, client] of clients.entries()) client.once("goaway", () => streams[index]?.end());
    await drained;
    assert.ok(performance.now() - from < 1_900, "nothing waits for a grace that nobody needs");
    await gone;
    assert.equal(asked.length, 5);
    const [first = 0, last = 0] = [asked[0], asked.at(-1)];
    assert.ok(last - first >= 600, `${last - first} ms between the first and the last`);
    while (server.connections() > 0) await new Promise(setImmediate);
  });

  test("cuts off who does not go, and can be closed before all are gone", async (t) => {
    const { port, server } = await start(t);
    const [one, two] = [session(port), session(port)];
    for (const client of [one, two]) request(client).write(frame([Buffer.from("hello")]));
    while (server.connections() < 2) await new Promise(setImmediate);
    const closed = Promise.all([one, two].map((client) => once(client, "close")));
    const drained = server.drain(60_000);
    await server.close();
    await Promise.all([closed, drained]);
  });
});

describe("clients that go too far", () => {
  test("unfinished messages are bounded for a connection, not only for each call", async (t) => {
    const { port, refusals } = await start(t, undefined, { maxRequestSize: MIB });
    const client = session(port);
    const unfinished = frame([Buffer.alloc(MIB)]).subarray(0, MIB - 1);
    const streams = Array.from({ length: 8 }, () => request(client));
    const answers = streams.map((stream) => once(stream, "response"));
    for (const stream of streams) stream.write(unfinished);
    const [headers] = await Promise.race(answers);
    assert.equal(headers["grpc-status"], String(status.resourceExhausted));
    assert.match(refusals[0] ?? "", /unfinished/);
  });

  for (const [what, { bytes, code }] of Object.entries(faults)) {
    test(`${what}: the connection ends, and the client is told why`, async (t) => {
      const { port, refusals } = await start(t);
      const { socket, frames, closed } = raw(port);
      socket.write(Buffer.concat([PREFACE, bytes]));
      await closed;
      const [type, , , payload] = frames.at(-1) ?? [0, 0, 0, Buffer.alloc(8)];
      assert.equal(type, frameType.goaway);
      assert.equal(payload.readUInt32BE(4), code);
      assert.equal(refusals.length, 1);
    });
  }
});
