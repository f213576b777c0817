import assert from "node:assert/strict";
import { once } from "node:events";
import { constants } from "node:http2";
import { connect as connectTcp } from "node:net";
import { describe, test } from "node:test";
import { ECHO, goodRequest, MIB, raw, request, session, startServer } from "../testing/grpc-server.ts";
import { flag, frameType, makeFrame, PREFACE, setting, settingsFrame, words } from "../testing/raw-http2.ts";
import type { Call, Method } from "./call.ts";
import { frame } from "./message.ts";
import { status } from "./status.ts";

describe("the life of a connection", () => {
  test("a connection that is old is asked to go, one that is dead is cut", async (t) => {
    const { port, server } = await startServer(t, undefined, { maxConnectionAgeMs: 50 });
    const client = session(port);
    const [code] = await once(client, "goaway");
    assert.equal(code, constants.NGHTTP2_NO_ERROR);
    await once(client, "close");
    const deaf = await startServer(t, undefined, { keepaliveMs: 50 });
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
    const { port, server } = await startServer(t, { [ECHO]: sendMuch }, { keepaliveMs: 100 });
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
    const { port, server } = await startServer(t, undefined, { keepaliveMs: 300 });
    const client = session(port);
    let pings = 0;
    client.on("ping", () => pings++);
    while (pings < 3) await once(client, "ping");
    assert.equal(server.connections(), 1);
  });

  test("a connection that may owe several answers is cut for the last of them, and not for a time in which this process did nothing", async (t) => {
    const keepaliveMs = 200;
    const { port, server } = await startServer(t, undefined, { keepaliveMs, keepaliveProbes: 2 });
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
    const { port, server } = await startServer(t, { [ECHO]: method });
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

describe("a server that is drained", () => {
  test("takes nobody new, asks one connection after the other to go, serves them until then, and is done when all are gone", async (t) => {
    const { port, server } = await startServer(t);
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
    const { port, server } = await startServer(t);
    const [one, two] = [session(port), session(port)];
    for (const client of [one, two]) request(client).write(frame([Buffer.from("hello")]));
    while (server.connections() < 2) await new Promise(setImmediate);
    const closed = Promise.all([one, two].map((client) => once(client, "close")));
    const drained = server.drain(60_000);
    await server.close();
    await Promise.all([closed, drained]);
  });
});
