import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { connectGrpc } from "../testing/grpc-client.ts";
import { ECHO, MIB, startServer } from "../testing/grpc-server.ts";
import { PREFACE, settingsFrame } from "../testing/raw-http2.ts";
import type { Method } from "./call.ts";
import { frame } from "./message.ts";
import type { GrpcServerOptions } from "./server.ts";
import { status } from "./status.ts";

/** Answers each request, and takes the next when the client took it. */
const echo: Method = (call) => ({
  message(bytes) {
    call.send(frame([bytes]));
    return call.taken();
  },
  halfClosed: () => call.end(status.ok),
  closed() {},
});

const start = (t: TestContext, times: Partial<GrpcServerOptions>) =>
  startServer(t, { [ECHO]: echo }, { maxRequestSize: 4 * MIB, graceMs: 200, sweepMs: 20, ...times });

/** Milliseconds until the server closes a connection that says this alone. */
async function closedAfter(t: TestContext, port: number, first: Buffer): Promise<number> {
  const socket: Socket = connectTcp(port, "127.0.0.1");
  t.after(() => socket.destroy());
  socket.on("error", () => {}).resume();
  await once(socket, "connect");
  const began = performance.now();
  socket.write(first);
  await once(socket, "close");
  return performance.now() - began;
}

describe("the xDS server's deadlines", () => {
  test("a request that is begun and not finished ends its call, whatever trickles in, and no other", async (t) => {
    const { port, refusals } = await start(t, { unfinishedMs: 100 });
    const connection = connectGrpc(port);
    t.after(() => connection.close());
    const answers: string[] = [];
    const other = connection.call(ECHO, (message) => void answers.push(String(message)));
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    t.after(() => session.destroy());
    const slow = session.request({ ":method": "POST", ":path": ECHO, "content-type": "application/grpc" });
    slow.on("error", () => {});
    slow.write(frame([Buffer.alloc(MIB)]).subarray(0, 1_000));
    const timer = setInterval(() => slow.write(Buffer.alloc(300)), 50);
    t.after(() => clearInterval(timer));
    const [headers] = await once(slow, "response");
    assert.equal(headers["grpc-status"], String(status.deadlineExceeded));
    assert.deepEqual(refusals, ["a request was begun and not finished"]);
    await other.write(Buffer.from("still here"));
    while (answers.length === 0) await new Promise(setImmediate);
  });

  test("a connection without a call is cut, whether it speaks HTTP/2 or nothing", async (t) => {
    const { port } = await start(t, { firstCallMs: 100 });
    const hello = Buffer.concat([PREFACE, settingsFrame([])]);
    for (const ms of await Promise.all([closedAfter(t, port, hello), closedAfter(t, port, Buffer.alloc(0))]))
      assert.ok(ms >= 90 && ms < 5_000, `${ms} ms`);
  });

  test("a connection whose calls have ended is asked to go, one with a call stays", async (t) => {
    const { port, server } = await start(t, { idleMs: 100, firstCallMs: 100 });
    const [done, busy] = [connectGrpc(port), connectGrpc(port)];
    t.after(() => busy.close());
    t.after(() => done.close());
    const call = done.call(ECHO, () => {});
    const open = busy.call(ECHO, () => {});
    await Promise.all([call.write(Buffer.from("a")), open.write(Buffer.from("a"))]);
    await new Promise((later) => setTimeout(later, 250));
    assert.equal(server.connections(), 2, "both have a call");
    call.cancel();
    await call.ended;
    const began = performance.now();
    while (server.connections() === 2) await new Promise((later) => setTimeout(later, 10));
    assert.ok(performance.now() - began < 5_000);
    assert.equal(server.connections(), 1);
  });

  test("a client that does not take the answer for which its next request waits has its call ended", async (t) => {
    const { port, refusals } = await start(t, { answerMs: 100 });
    const connection = connectGrpc(port);
    t.after(() => connection.close());
    const call = connection.call(ECHO, () => {});
    call.pause();
    const began = performance.now();
    await call.write(Buffer.alloc(2 * MIB));
    while (refusals.length === 0) await new Promise((later) => setTimeout(later, 10));
    assert.ok(performance.now() - began >= 90);
    assert.deepEqual(refusals, ["the answers are not read"]);
    call.resume();
    assert.notEqual((await call.ended).code, status.ok);
  });
});
