import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Chain } from "../../model/delivery.ts";
import { Cluster } from "../gen/envoy/config/cluster/v3/cluster.ts";
import { Listener } from "../gen/envoy/config/listener/v3/listener.ts";
import { HttpConnectionManager } from "../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import { Any } from "../gen/google/protobuf/any.ts";
import { join } from "../protobuf/wire.ts";
import type { Resource } from "../protocol/resource.ts";
import { typeUrls } from "../protocol/resource.ts";
import { entryFixture } from "../testing/entry.ts";
import { type Dialect, dialectOf } from "./dialect.ts";
import { managedResources } from "./managed.ts";
import type { ManagedSidecar } from "./managed-sidecar.ts";

const sidecar: ManagedSidecar = {
  listenHost: "0.0.0.0",
  listenPort: 10000,
  appHost: "127.0.0.1",
  appPort: 8080,
  slots: ["first", "second"],
  whenMissing: "closed",
};
const chain: Dialect = { form: "chain", restriction: "vm" };
const filters: Dialect = { form: "filters", restriction: "plugin" };
const chains = new Map<string, Chain>([
  ["first", [entryFixture("b"), entryFixture("tcp", { type: "Network" })]],
  ["second", [entryFixture("a")]],
]);

function find(resources: readonly Resource[], typeUrl: string): Resource {
  const found = resources.find((resource) => resource.typeUrl === typeUrl);
  assert.ok(found, typeUrl);
  return found;
}

/** With their bytes, to be compared. */
function encoded(resources: readonly Resource[]) {
  return resources.map(({ typeUrl, name, version, encode }) => ({ typeUrl, name, version, bytes: join(encode(new Map())) }));
}

function filterNames(resources: readonly Resource[]) {
  const listener = Listener.decode(Any.decode(join(find(resources, typeUrls.listener).encode(new Map()))).value ?? new Uint8Array());
  const network = listener.filterChains?.[0]?.filters ?? [];
  const manager = network.at(-1)?.configType;
  assert.equal(manager?.$case, "typedConfig");
  const config = HttpConnectionManager.decode(manager.typedConfig.value ?? new Uint8Array());
  return {
    network: network.slice(0, -1).map(({ name }) => name),
    http: config.httpFilters?.map(({ name }) => name),
    filters: config.httpFilters,
  };
}

describe("what a managed sidecar is served", () => {
  test("the cluster and its endpoints come before the listener, the listener before its route", () => {
    const types = managedResources(sidecar, chain, chains).map(({ typeUrl }) => typeUrl);
    assert.deepEqual(types, [typeUrls.cluster, typeUrls.endpoint, typeUrls.listener, typeUrls.route]);
  });

  test("in the chain form the listener names the slots, and stays the same whatever HTTP filters they hold", () => {
    const full = managedResources(sidecar, chain, chains);
    assert.deepEqual(filterNames(full).http, ["weir/first", "weir/second", "envoy.filters.http.router"]);
    assert.deepEqual(filterNames(full).network, ["weir/first/shop/tcp"]);
    const other = new Map<string, Chain>([["first", [entryFixture("tcp", { type: "Network", config: "new" }), entryFixture("x")]]]);
    assert.deepEqual(encoded(managedResources(sidecar, chain, other)), encoded(full));
  });

  test("in the filters form the listener names each filter in order, and changes only when one comes, goes or moves", () => {
    const listed = managedResources(sidecar, filters, chains);
    assert.deepEqual(filterNames(listed).http, ["weir/first/shop/b", "weir/second/shop/a", "envoy.filters.http.router"]);
    const updated = new Map<string, Chain>([...chains, ["second", [entryFixture("a", { config: "new" })]]]);
    assert.deepEqual(encoded(managedResources(sidecar, filters, updated)), encoded(listed));
    const added = new Map<string, Chain>([...chains, ["second", [entryFixture("a"), entryFixture("c")]]]);
    assert.notEqual(find(managedResources(sidecar, filters, added), typeUrls.listener).version, find(listed, typeUrls.listener).version);
  });

  test("a slot has a default only where a proxy is to open when nothing comes", () => {
    const defaults = (whenMissing: "closed" | "open") =>
      filterNames(managedResources({ ...sidecar, whenMissing }, filters, chains)).filters?.map(({ configType }) =>
        configType?.$case === "configDiscovery" ? configType.configDiscovery.defaultConfig?.typeUrl : "none",
      );
    assert.deepEqual(defaults("closed"), [undefined, undefined, "none"]);
    const wasm = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
    assert.deepEqual(defaults("open"), [wasm, wasm, "none"]);
  });

  test("an app known by name gets a cluster that resolves it, and no endpoints", () => {
    const resources = managedResources({ ...sidecar, appHost: "app.local" }, chain, chains);
    assert.ok(!resources.some(({ typeUrl }) => typeUrl === typeUrls.endpoint));
    const cluster = Cluster.decode(Any.decode(join(find(resources, typeUrls.cluster).encode(new Map()))).value ?? new Uint8Array());
    assert.equal(cluster.loadAssignment?.clusterName, "weir/app");
  });

  test("a proxy's dialect follows from its extensions and its version", () => {
    assert.deepEqual(dialectOf(true, "1.40.0"), { form: "chain", restriction: "vm" });
    assert.deepEqual(dialectOf(true, "1.39.3"), { form: "chain", restriction: "plugin" });
    assert.deepEqual(dialectOf(false, "1.36.4"), { form: "filters", restriction: "plugin" });
    assert.deepEqual(dialectOf(false, "2.0.0"), { form: "filters", restriction: "vm" });
    assert.deepEqual(dialectOf(false, ""), { form: "filters", restriction: "plugin" });
  });
});
