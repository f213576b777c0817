import assert from "node:assert/strict";
import { createServer, Socket } from "node:net";
import { test } from "node:test";
import { listen } from "./listen.ts";

const LOOPBACK = { host: "127.0.0.1", port: 0 };

test("a port that another has is refused with the reason", async (t) => {
  const [first, second] = [createServer(), createServer()];
  t.after(() => first.close());
  const { port } = await listen(first, LOOPBACK);
  await assert.rejects(listen(second, { ...LOOPBACK, port }), /EADDRINUSE/);
});

test("a connection that cannot be taken ends no server", async (t) => {
  const server = createServer((socket) => socket.end("here"));
  t.after(() => server.close());
  const { port } = await listen(server, LOOPBACK);
  for (let times = 0; times < 2; times++) server.emit("error", new Error("accept ENOBUFS"));
  const client = new Socket().setEncoding("utf8").connect(port, LOOPBACK.host);
  assert.deepEqual(await client.toArray(), ["here"]);
});
