import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseProxyKey, proxyKey } from "../../model/proxy-key.ts";
import { chainName } from "../envoy/chain.ts";
import { MANAGED_KEY } from "../envoy/managed-sidecar.ts";
import { typeUrls } from "../protocol/resource.ts";
import { entryFixture } from "../testing/entry.ts";
import { startFleet } from "../testing/fleet.ts";

const ECDS = typeUrls.extensionConfig;
const slot = chainName("default");
const a = entryFixture("a");
const sidecar = (appPort: number) => ({
  [MANAGED_KEY]: { listenHost: "127.0.0.1", listenPort: 10_000, appHost: "127.0.0.1", appPort, slots: [], whenMissing: "open" },
});
const metadata = (namespace: string, labels: Record<string, string>, more = {}) => ({
  metadata: { NAMESPACE: namespace, LABELS: labels, ...more },
});

describe("streams with the same node id", () => {
  test("a key reads back as the namespace and the id, which may hold a slash", () => {
    for (const id of ["web-1", "sidecar~10.0.0.1~a/b"]) assert.deepEqual(parseProxyKey(proxyKey("shop", id)), { namespace: "shop", id });
  });

  test("in another namespace it is another proxy: the first keeps its namespace, its labels and its chain", async (t) => {
    const { fleet, open, until } = await startFleet(t);
    const owner = open("delta");
    owner.subscribe(ECDS, [slot]);
    await until((proxy) => proxy.slots.has("default"));
    fleet.assign("shop/web-1", new Map([["default", [a]]]));
    owner.ack(await owner.next());
    await until((proxy) => proxy.slots.get("default")?.running?.length === 1);
    const stranger = open("delta", "web-1", metadata("nowhere", {}));
    stranger.subscribe(ECDS, [slot]);
    while (fleet.proxy("nowhere/web-1")?.slots.has("default") !== true) await new Promise(setImmediate);
    fleet.assign("nowhere/web-1", new Map());
    const { resources } = await stranger.next();
    assert.equal(resources.size, 1, "the stranger is sent its own, empty chain");
    await owner.expectSilence();
    const kept = fleet.proxy("shop/web-1");
    assert.deepEqual([kept?.namespace, kept?.labels, kept?.slots.get("default")?.running?.length], ["shop", { app: "web" }, 1]);
  });

  test("a second stream of a proxy changes nothing of what it is while the first is open", async (t) => {
    const { fleet, open, until } = await startFleet(t);
    const first = open("delta", "web-1", metadata("shop", { app: "web" }, sidecar(8080)));
    first.subscribe(typeUrls.cluster, ["*"]);
    await until((proxy) => proxy.connected);
    fleet.assign("shop/web-1", new Map());
    const clusters = await first.next();
    assert.equal(clusters.resources.size, 1);
    first.ack(clusters);
    const second = open("delta", "web-1", metadata("shop", { app: "other" }, sidecar(6666)));
    second.subscribe(typeUrls.cluster, ["*"]);
    await second.next();
    await first.expectSilence();
    assert.deepEqual(fleet.proxy("shop/web-1")?.labels, { app: "web" });
    first.close();
    await until((proxy) => proxy.labels.app === "other");
  });

  test("a namespace that could be mistaken for another key is refused", async (t) => {
    const { fleet, open } = await startFleet(t);
    const client = open("delta", "1", metadata("shop/web", {}));
    client.subscribe(ECDS, [slot]);
    assert.match((await client.ended).details, /NAMESPACE is no name of a namespace/);
    assert.deepEqual([...fleet.proxies()], []);
  });
});
