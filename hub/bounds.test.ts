import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, Socket } from "node:net";
import { test } from "node:test";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { boundSockets } from "../base/http-sockets.ts";
import type { People } from "../model/people.ts";
import { fail } from "../model/result.ts";
import { createAdmission } from "./admission.ts";
import type { HubEnv } from "./answers.ts";
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

test("an answer that does not say how long it is counts too", async (t) => {
  const app = new Hono<HubEnv>();
  app.use(createAdmission({ answers: 64, unsentBytes: 20 * 1024 * 1024, answerMs: 60_000 }));
  app.get("/page", () => new Response("x".repeat(12 * 1024 * 1024), { headers: { "x-kept": "yes" } }));
  app.get("/gone", () => new Response(null, { status: 303, headers: { location: "/" } }));
  const server = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  const { port } = server.address() as AddressInfo;
  const ask = (path: string) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      get({ host: "127.0.0.1", port, path, agent: false }, (answer) => resolve(answer.pause())).once("error", reject);
    });
  const [first, second] = [await ask("/page"), await ask("/page")];
  assert.deepEqual([first.statusCode, first.headers["content-length"], first.headers["x-kept"]], [200, String(12 * 1024 * 1024), "yes"]);
  assert.equal(second.statusCode, 503);
  assert.equal((await ask("/gone")).statusCode, 303);
  first.destroy();
  while ((await ask("/page")).statusCode !== 200) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("forms that do not come to their end hold no place of those that are answered", async (t) => {
  const people: People = { howTo: { text: "", example: "" }, find: async () => fail("Unauthorized", "nobody's") };
  const scene = await startHub({}, { people });
  t.after(() => scene.hub.close());
  const host = `127.0.0.1:${scene.port}`;
  const form = `host: ${host}\r\norigin: http://${host}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n`;
  const paths = ["/me", "/me/out", "/filters/shop/add-header/act/suspend"];
  const sockets = Array.from({ length: 60 }, (_, number) => {
    const socket = connect(scene.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(`POST ${paths[number % paths.length]} HTTP/1.1\r\n${form}\r\ntoken=half`);
    return socket;
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  // All of them are there: the last one's whole request is answered behind them.
  for (const socket of sockets) if (socket.connecting) await once(socket, "connect");
  for (let count = 0; count < 5; count++) assert.equal((await scene.ask("/filters")).status, 200);
  sockets[0]?.write("x".repeat(90));
  const [answer] = await once(sockets[0] ?? new Socket(), "data");
  assert.match(String(answer), /^HTTP\/1.1 401 /);
  for (const socket of sockets) socket.destroy();
  // Once each of them was heard to be gone: they took no place then either.
  for (let count = 0; count < 100; count++) assert.equal((await scene.ask("/openapi.json")).status, 200);
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
