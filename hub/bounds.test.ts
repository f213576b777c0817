import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { test } from "node:test";
import { boundSockets } from "../base/http-sockets.ts";
import { startHub } from "./testing/scene.ts";

test("who asks for more answers at a time than one address may have is told to come back, and health is told all the same", async (t) => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const scene = await startHub({ metrics: () => promise });
  t.after(() => scene.hub.close());
  const asked = Array.from({ length: 16 }, () => scene.ask("/metrics"));
  let refused = await scene.ask("/api/v1/filters");
  while (refused.status !== 503) refused = await scene.ask("/api/v1/filters");
  assert.equal(refused.headers["retry-after"], "1");
  assert.equal((await scene.ask("/healthz")).status, 200);
  assert.equal((await scene.ask("/readyz")).status, 200);
  resolve("");
  for (const answer of asked) assert.equal((await answer).status, 200);
  assert.equal((await scene.ask("/api/v1/filters")).status, 200);
});

test("answers that nobody reads are bounded in bytes", async (t) => {
  const labels = { text: "x".repeat(12 * 1024 * 1024) };
  const scene = await startHub({ proxies: () => [{ id: "web-1", namespace: "shop", labels, connected: true, slots: [] }] });
  t.after(() => scene.hub.close());
  const sockets: Socket[] = [];
  const ask = () =>
    new Promise<number>((resolve, reject) => {
      const call = get({ host: "127.0.0.1", port: scene.port, path: "/api/v1/proxies", agent: false }, (answer) => {
        answer.pause();
        sockets.push(answer.socket);
        resolve(answer.statusCode ?? 0);
      });
      call.once("error", reject);
    });
  const statuses = [];
  for (let count = 0; count < 8; count++) statuses.push(await ask());
  assert.deepEqual(statuses, [200, 200, 200, 200, 200, 503, 503, 503]);
  assert.equal((await scene.ask("/healthz")).status, 200);
  for (const socket of sockets) socket.destroy();
  while ((await ask()) !== 200) for (const socket of sockets) socket.destroy();
  for (const socket of sockets) socket.destroy();
});

test("a new socket takes the place of the oldest without a request", async (t) => {
  const held: (() => void)[] = [];
  const server = createServer((request, answer) => {
    if (request.url === "/hold") held.push(() => answer.end("held"));
    else answer.end("ok");
  });
  boundSockets(server, 8);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  const open = async (first = "") => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    await once(socket, "connect");
    socket.write(first);
    return socket;
  };
  const waiting = await open("GET /hold HTTP/1.1\r\nhost: localhost\r\n\r\n");
  while (held.length === 0) await new Promise((done) => setImmediate(done));
  const silent = [];
  for (let count = 0; count < 20; count++) silent.push(await open());
  const answer = await new Promise<number>((resolve, reject) => {
    get({ host: "127.0.0.1", port, path: "/", agent: false }, (found) => {
      found.resume();
      resolve(found.statusCode ?? 0);
    }).once("error", reject);
  });
  assert.equal(answer, 200);
  while (silent.filter(({ destroyed }) => !destroyed).length > 7) await new Promise((done) => setImmediate(done));
  assert.equal(waiting.destroyed, false);
  held[0]?.();
  const [text] = await once(waiting, "data");
  assert.match(String(text), /held/);
  for (const socket of [waiting, ...silent]) socket.destroy();
});
