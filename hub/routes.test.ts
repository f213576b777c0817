import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { failForNow } from "../model/result.ts";
import { FILTER, type HubScene, POLICY, startHub } from "./testing/scene.ts";

let scene: HubScene;

beforeEach(async () => {
  scene = await startHub();
});

afterEach(() => scene.hub.close());

describe("health and metrics", () => {
  test("healthz answers at once; readyz only when the views are ready", async () => {
    assert.equal((await scene.ask("/healthz")).status, 200);
    scene.setReady(false);
    assert.equal((await scene.ask("/healthz")).status, 200);
    assert.equal((await scene.ask("/readyz")).status, 503);
    scene.setReady(true);
    assert.equal((await scene.ask("/readyz")).status, 200);
  });

  test("metrics come in the Prometheus text format", async () => {
    const reply = await scene.ask("/metrics");
    assert.match(String(reply.headers["content-type"]), /^text\/plain; version=0\.0\.4/);
    assert.equal(reply.body, await scene.views.metrics());
  });
});

describe("documents of the read API", () => {
  test("filters come as a Kubernetes List, and one by one", async () => {
    const list = JSON.parse((await scene.ask("/api/v1/filters")).body);
    assert.equal(list.kind, "List");
    assert.deepEqual(list.items, [FILTER]);
    assert.deepEqual(JSON.parse((await scene.ask("/api/v1/filters/shop/add-header")).body), FILTER);
    const missing = await scene.ask("/api/v1/filters/shop/other");
    assert.equal(missing.status, 404);
    assert.match(JSON.parse(missing.body).error.message, /no WasmFilter shop\/other/);
  });

  test("policies come as a Kubernetes List, and one by one; while they are not known that is said, and not that there are none", async () => {
    const list = JSON.parse((await scene.ask("/api/v1/policies")).body);
    assert.deepEqual([list.kind, list.items], ["List", [POLICY]]);
    assert.deepEqual(JSON.parse((await scene.ask("/api/v1/policies/no-urls")).body), POLICY);
    const missing = await scene.ask("/api/v1/policies/other");
    assert.equal(missing.status, 404);
    assert.match(JSON.parse(missing.body).error.message, /no WasmPolicy other here/);
    assert.equal((await scene.ask("/api/v1/policies/Nobody!")).status, 404);
    const unknown = await startHub({ policies: () => failForNow("PoliciesUnknown", "the WasmPolicies are still being read") });
    try {
      const reply = await unknown.ask("/api/v1/policies");
      assert.equal(reply.status, 503);
      assert.match(reply.body, /still being read/);
    } finally {
      await unknown.hub.close();
    }
  });

  test("revisions come in full, but for text that is from a Secret", async () => {
    const reply = await scene.ask("/api/v1/filters/shop/add-header/revisions");
    assert.doesNotMatch(reply.body, /hunter2/);
    const [first, second] = JSON.parse(reply.body);
    assert.equal(first.settings.config, "plain");
    assert.equal(second.settings.config, "");
    assert.deepEqual(second.secretConfig, { name: "s", key: "k" });
    assert.equal((await scene.ask("/api/v1/filters/shop/other/revisions")).status, 404);
  });

  test("proxies come as an array", async () => {
    assert.deepEqual(JSON.parse((await scene.ask("/api/v1/proxies?x=1")).body), scene.proxies());
  });
});
