import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { type HubScene, startHub } from "./testing/scene.ts";

let scene: HubScene;

beforeEach(async () => {
  scene = await startHub();
});

afterEach(() => scene.hub.close());

describe("paths and methods", () => {
  test("HEAD has the headers of GET and no body", async () => {
    const head = await scene.ask("/api/v1/proxies", { method: "HEAD" });
    const full = await scene.ask("/api/v1/proxies");
    assert.equal(head.status, 200);
    assert.equal(head.headers["content-length"], full.headers["content-length"]);
    assert.equal(head.body, "");
    assert.equal((await scene.ask("/api/v1/events", { method: "HEAD" })).status, 200);
  });

  test("an unknown path is 404 and names the paths there are", async () => {
    for (const path of ["/api", "/api/v1/filters/", "/api/v1/filters/shop", "/api/v1/filters/../x", "/api/v1/filters/A/b", "//healthz"]) {
      const reply = await scene.ask(path);
      assert.equal(reply.status, 404, path);
      assert.match(reply.body, /\/api\/v1\/proxies/);
    }
  });

  test("a changing method is 405 with Allow", async () => {
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      const reply = await scene.ask("/api/v1/filters", { method });
      assert.equal(reply.status, 405, method);
      assert.equal(reply.headers.allow, "GET, HEAD");
    }
  });

  test("every refusal has one shape", async () => {
    const refusals = [
      await scene.ask("/nothing"),
      await scene.ask("/healthz", { method: "POST" }),
      await scene.ask("/healthz", { headers: { host: "rebound.example" } }),
      await scene.ask("/healthz", { headers: { host: "a b" } }),
    ];
    assert.deepEqual(
      refusals.map(({ status, body }) => [status, JSON.parse(body).error.status, JSON.parse(body).error.reason]),
      [
        [404, 404, "NotFound"],
        [405, 405, "MethodNotAllowed"],
        [421, 421, "MisdirectedRequest"],
        [400, 400, "BadRequest"],
      ],
    );
    for (const { headers, body } of refusals) {
      assert.match(String(headers["content-type"]), /^application\/json/);
      assert.equal(typeof JSON.parse(body).error.message, "string");
    }
  });
});

describe("who may ask", () => {
  test("no answer lets other origins read it", async () => {
    for (const path of ["/api/v1/filters", "/api/v1/proxies", "/nothing"]) {
      const reply = await scene.ask(path, { headers: { origin: "https://elsewhere.example" } });
      assert.equal(reply.headers["access-control-allow-origin"], undefined);
    }
  });

  test("on loopback a foreign Host name is refused, localhost and addresses are not", async () => {
    assert.equal((await scene.ask("/healthz", { headers: { host: "rebound.example" } })).status, 421);
    for (const host of ["localhost", `localhost:${scene.port}`, `127.0.0.1:${scene.port}`, `[::1]:${scene.port}`]) {
      assert.equal((await scene.ask("/healthz", { headers: { host } })).status, 200, host);
    }
  });

  test("a changing method from a page of another origin is refused before anything else", async () => {
    const own = `http://127.0.0.1:${scene.port}`;
    for (const headers of [
      { origin: "https://elsewhere.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
      { origin: own, "sec-fetch-site": "same-site" },
    ]) {
      for (const path of ["/api/v1/filters", "/nothing"])
        assert.equal((await scene.ask(path, { method: "POST", headers })).status, 403, JSON.stringify(headers));
    }
    assert.equal(
      (await scene.ask("/api/v1/filters", { method: "POST", headers: { origin: own, "sec-fetch-site": "same-origin" } })).status,
      405,
    );
    assert.equal((await scene.ask("/api/v1/filters", { headers: { origin: "https://elsewhere.example" } })).status, 200);
  });

  test("every answer tells browsers to guess and frame nothing", async () => {
    for (const path of ["/healthz", "/api/v1/filters", "/nothing"]) {
      const { headers } = await scene.ask(path);
      assert.equal(headers["x-content-type-options"], "nosniff", path);
      assert.equal(headers["x-frame-options"], "DENY", path);
      assert.match(String(headers["content-security-policy"]), /default-src 'none'/);
      assert.equal(headers["strict-transport-security"], undefined);
    }
  });
});

describe("what a client has already and what it can unpack", () => {
  test("a document that did not change is 304 with no body", async () => {
    const first = await scene.ask("/api/v1/proxies");
    const etag = String(first.headers.etag);
    assert.match(etag, /^"[\w-]+"$/);
    const again = await scene.ask("/api/v1/proxies", { headers: { "if-none-match": etag } });
    assert.deepEqual([again.status, again.body, again.headers.etag], [304, "", etag]);
    assert.equal((await scene.ask("/api/v1/proxies", { headers: { "if-none-match": '"other"' } })).status, 200);
    assert.equal((await scene.ask("/metrics")).headers.etag, undefined);
  });

  test("a long document is compressed for who asks, a short one and a very long one are not", async () => {
    const labels = (bytes: number) => ({ text: "x".repeat(bytes) });
    const proxy = { id: "web-1", namespace: "shop", connected: true, slots: [] };
    const gzip = { headers: { "accept-encoding": "gzip" } };
    for (const [bytes, compressed] of [
      [10, false],
      [10_000, true],
      [9_000_000, false],
    ] as const) {
      const other = await startHub({ proxies: () => [{ ...proxy, labels: labels(bytes) }] });
      const { headers, body } = await other.ask("/api/v1/proxies", gzip);
      assert.equal(headers["content-encoding"], compressed ? "gzip" : undefined, `${bytes} bytes`);
      const whole = compressed ? gunzipSync(Buffer.from(body, "latin1")).toString() : body;
      assert.deepEqual(JSON.parse(whole), other.proxies());
      assert.equal((await other.ask("/api/v1/proxies")).headers["content-encoding"], undefined);
      await other.hub.close();
    }
  });
});
