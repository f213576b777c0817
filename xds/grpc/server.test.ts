import assert from "node:assert/strict";
import { once } from "node:events";
import { constants } from "node:http2";
import { describe, test } from "node:test";
import { Client, credentials, type StatusObject } from "@grpc/grpc-js";
import { ECHO, echo, ends, goodRequest, MIB, raw, request, session, startServer } from "../testing/grpc-server.ts";
import { flag, frameType, makeFrame, PREFACE, settingsFrame } from "../testing/raw-http2.ts";
import type { Call, Method } from "./call.ts";
import { frame, MessageReader } from "./message.ts";
import { status } from "./status.ts";

describe("messages and statuses", () => {
  test("grpc-js talks to it: messages both ways, and a status with its words", async (t) => {
    const greet: Method = (call) => ({ message: () => call.end(status.notFound, "nothing hereß at 100%"), halfClosed() {}, closed() {} });
    const { port } = await startServer(t, { [ECHO]: echo, "/test.Test/Fail": greet });
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
    const { port } = await startServer(t);
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
    const { port } = await startServer(t, { [ECHO]: method });
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
    const { port } = await startServer(t);
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
    const { port } = await startServer(t);
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
    const { port } = await startServer(t, { [ECHO]: method });
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
    const { port } = await startServer(t, { [ECHO]: method });
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
    const { port } = await startServer(t, { [ECHO]: method });
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
    const { port, refusals } = await startServer(t, { [ECHO]: slow, "/test.Test/Other": echo }, { maxRequestSize: MIB });
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
    const { port, server } = await startServer(t, { [ECHO]: stuck }, { maxRequestSize: MIB, idleMs: 0 });
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
