import assert from "node:assert/strict";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, test } from "node:test";
import { silentLog } from "../model/log.ts";
import { createHub } from "./server.ts";
import { type HubScene, startHub } from "./testing/scene.ts";

let scene: HubScene;

beforeEach(async () => {
  scene = await startHub();
});

afterEach(() => scene.hub.close());

describe("the address", () => {
  test("binds to loopback when no address is given", async () => {
    const other = createHub({ views: scene.views, log: silentLog });
    const bound = await other.listen();
    assert.ok(bound.ok);
    assert.equal(bound.value.host, "127.0.0.1");
    await other.close();
  });

  test("an address that is taken is a failure that says so", async () => {
    const other = createHub({ views: scene.views, log: silentLog, address: { port: scene.port } });
    const bound = await other.listen();
    assert.ok(!bound.ok);
    assert.match(bound.error.message, new RegExp(`127\\.0\\.0\\.1:${scene.port}: another process has that port`));
  });
});

describe("bounds", () => {
  test("oversized headers are refused", async () => {
    assert.equal((await scene.ask("/healthz", { headers: { "x-long": "a".repeat(20_000) } })).status, 431);
  });

  test("bytes that are no HTTP get 400 and the server lives on", async () => {
    const reply = await new Promise<string>((resolve, reject) => {
      const socket = connect(scene.port, "127.0.0.1", () => socket.write("\u0000\u0001garbage\r\n\r\n"));
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk;
      });
      socket.on("close", () => resolve(text));
      socket.on("error", reject);
    });
    assert.match(reply, /^HTTP\/1\.1 400/);
    assert.equal((await scene.ask("/healthz")).status, 200);
  });

  test("a fault in the views costs one request, not the server", async () => {
    const broken = await startHub({
      metrics: async () => {
        throw new Error("boom");
      },
      proxies: () => {
        throw new Error("boom");
      },
    });
    assert.equal((await broken.ask("/metrics")).status, 500);
    assert.equal((await broken.ask("/api/v1/proxies")).status, 500);
    assert.equal((await broken.ask("/healthz")).status, 200);
    await broken.hub.close();
  });

  test("a client of HTTP/1.0, which sends no Host, is answered", async () => {
    const reply = await new Promise<string>((resolve, reject) => {
      const socket = connect(scene.port, "127.0.0.1", () => socket.write("GET /healthz HTTP/1.0\r\n\r\n"));
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk;
      });
      socket.on("close", () => resolve(text));
      socket.on("error", reject);
    });
    assert.match(reply, /^HTTP\/1\.1 200/);
  });
});
