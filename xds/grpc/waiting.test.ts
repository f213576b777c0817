import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { describe, type TestContext, test } from "node:test";
import { ECHO, echo } from "../testing/grpc-server.ts";
import type { Call, CallHandler, GuardedMethod } from "./call.ts";
import { frame } from "./message.ts";
import { createGrpcServer } from "./server.ts";
import { status } from "./status.ts";

const SLOW = "/test.Test/Slow";

/** What an H2 stream may have in flight where nobody reads it. https://www.rfc-editor.org/rfc/rfc9113#section-6.9.2 */
const WINDOW = 65_535;

/** A server with a method that opens when it is told to. */
async function start(t: TestContext) {
  const decided = Promise.withResolvers<CallHandler>();
  const calls: Call[] = [];
  const slow: GuardedMethod = (call) => {
    calls.push(call);
    return decided.promise;
  };
  const server = createGrpcServer({
    methods: new Map([
      [SLOW, slow],
      [ECHO, echo],
    ]),
    maxRequestSize: 1024 * 1024,
    maxConnectionAgeMs: 0,
    graceMs: 300,
  });
  const { port } = await server.listen("127.0.0.1:0");
  const session = connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  t.after(async () => {
    session.destroy();
    await server.close();
  });
  const open = () => {
    assert(calls[0] !== undefined);
    decided.resolve(echo(calls[0]));
  };
  return { session, calls, decided, open };
}

function request(session: ClientHttp2Session, path: string) {
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" });
  stream.on("error", () => {});
  return stream;
}

async function answered(session: ClientHttp2Session, path: string): Promise<void> {
  const stream = request(session, path);
  stream.write(frame([Buffer.from("hello")]));
  await once(stream, "data");
  stream.close();
}

describe("a call of whom it is not known yet who makes it", () => {
  test("is answered when it is known, whole and in order; another call on its connection is answered meanwhile", async (t) => {
    const { session, open } = await start(t);
    const waiting = request(session, SLOW);
    const sent = Buffer.concat(["one", "two", "x".repeat(3 * WINDOW)].map((text) => frame([Buffer.from(text)])));
    waiting.end(sent);
    await answered(session, ECHO);
    open();
    const received: Buffer[] = [];
    for await (const bytes of waiting) received.push(bytes);
    assert(Buffer.concat(received).equals(sent));
  });

  test("holds no more of what its client sends than the window of its stream", async (t) => {
    const { session, open } = await start(t);
    const waiting = request(session, SLOW);
    let taken = false;
    waiting.write(frame([Buffer.alloc(4 * WINDOW)]), () => {
      taken = true;
    });
    for (let turn = 0; turn < 5; turn++) await answered(session, ECHO);
    assert.equal(taken, false);
    open();
    waiting.resume();
    while (!taken) await answered(session, ECHO);
  });

  test("is over when it is refused, though nothing of it was read", async (t) => {
    const { session, decided, calls } = await start(t);
    const waiting = request(session, SLOW);
    waiting.write(Buffer.alloc(2 * WINDOW, 1));
    await answered(session, ECHO);
    calls[0]?.end(status.unavailable, "try again");
    let closed = 0;
    decided.resolve({ message() {}, halfClosed() {}, closed: () => void closed++ });
    const [headers] = await once(waiting, "response");
    assert.equal(headers["grpc-status"], "14");
    waiting.resume();
    await once(waiting, "close");
    await answered(session, ECHO);
    assert.equal(closed, 1, "it is closed at the server too");
  });

  test("whose client leaves is closed as soon as it is known who it was", async (t) => {
    const { session, decided, calls } = await start(t);
    const waiting = request(session, SLOW);
    await answered(session, ECHO);
    assert.equal(calls.length, 1);
    waiting.close(8);
    await answered(session, ECHO);
    const closed = Promise.withResolvers<void>();
    decided.resolve({ message: () => assert.fail(), halfClosed() {}, closed: closed.resolve });
    await closed.promise;
  });

  test("ends with INTERNAL when finding out breaks", async (t) => {
    const { session, decided } = await start(t);
    const waiting = request(session, SLOW);
    await answered(session, ECHO);
    decided.reject(new Error("a bug"));
    const [headers] = await once(waiting, "response");
    assert.equal(headers["grpc-status"], "13");
  });
});
