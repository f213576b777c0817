import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import type { HubOptions } from "./server.ts";
import { startHub } from "./testing/scene.ts";

const GET = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n";
/** Times that never end in a test, but for the one that it is about. */
const LONG = { headersMs: 60_000, requestMs: 60_000, idleMs: 60_000, answerMs: 60_000 };

/** A socket of a hub that says this first; `closed` gives the milliseconds until its end and what was read. */
async function open(t: TestContext, times: HubOptions["times"], first: string, proxies?: string) {
  const views =
    proxies === undefined ? {} : { proxies: () => [{ id: "a", namespace: "shop", labels: { proxies }, connected: true, slots: [] }] };
  const scene = await startHub(views, { times: { ...LONG, ...times } });
  const socket = connect(scene.port, "127.0.0.1");
  t.after(async () => {
    socket.destroy();
    await scene.hub.close();
  });
  socket.on("error", () => {});
  await once(socket, "connect");
  const began = performance.now();
  socket.write(first);
  return { socket, scene, closed: closed(socket, began) };
}

async function closed(socket: Socket, began: number): Promise<{ readonly ms: number; readonly text: string }> {
  let text = "";
  socket.on("data", (bytes) => {
    text += bytes;
  });
  // Not `once` of node:events: a reset is an end too, and would reject it.
  await new Promise((resolve) => socket.once("close", resolve));
  return { ms: performance.now() - began, text };
}

/** Until the test is over, however it ends: a timer would keep the process. */
function every(t: TestContext, ms: number, act: () => void): void {
  const timer = setInterval(act, ms);
  t.after(() => clearInterval(timer));
}

describe("the HTTP server's deadlines", () => {
  test("headers that do not end are 408, whatever trickles in", async (t) => {
    const { socket, closed, scene } = await open(t, { headersMs: 200 }, GET);
    every(t, 20, () => socket.write("x: y\r\n"));
    const { ms, text } = await closed;
    assert.match(text, /^HTTP\/1.1 408 /);
    assert.ok(ms >= 190 && ms < 5_000, `${ms} ms`);
    assert.equal((await scene.ask("/healthz")).status, 200);
  });

  test("a body that does not end is cut off", async (t) => {
    const { socket, closed } = await open(
      t,
      { requestMs: 200, headersMs: 100 },
      "POST /healthz HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n",
    );
    every(t, 20, () => socket.write("x"));
    const { ms } = await closed;
    assert.ok(ms < 5_000, `${ms} ms`);
  });

  test("a socket on which nothing moves is closed: before a request, and after one", async (t) => {
    const silent = await open(t, { idleMs: 200 }, "");
    const kept = await open(t, { idleMs: 200 }, `${GET}\r\n`);
    const [first, second] = await Promise.all([silent.closed, kept.closed]);
    assert.equal(first.text, "");
    assert.match(second.text, /^HTTP\/1.1 200 /);
    // Node adds a second to what a client of a kept connection is told.
    assert.ok(first.ms >= 190 && first.ms < 5_000 && second.ms < 5_000, `${first.ms} and ${second.ms} ms`);
  });

  test("an answer that is not taken ends, also where a byte is taken now and then", async (t) => {
    const many = "x".repeat(24 * 1024 * 1024);
    const { socket, closed } = await open(t, { answerMs: 300 }, "GET /api/v1/proxies HTTP/1.1\r\nhost: localhost\r\n\r\n", many);
    socket.pause();
    every(t, 100, () => {
      socket.resume();
      setImmediate(() => socket.pause());
    });
    const { ms, text } = await closed;
    assert.ok(text.length < many.length && ms >= 290 && ms < 10_000, `${text.length} bytes in ${ms} ms`);
  });
});
