import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { type BootstrapOptions, bootstrapDefaults, renderBootstrap } from "./bootstrap.ts";
import { parseManagedSidecar } from "./managed-sidecar.ts";

function render(options: Partial<BootstrapOptions>) {
  return parse(renderBootstrap({ ...bootstrapDefaults, node: "web-1", ...options }));
}

function sidecarOf(metadata: unknown) {
  const parsed = parseManagedSidecar(metadata);
  assert.ok(parsed.ok);
  return parsed.value;
}

describe("the Envoy bootstrap of a proxy", () => {
  test("a bootstrap names the proxy as Istio's proxies name themselves, whatever characters are in it", () => {
    const node = 'we"ird: {#\n\u2028}';
    const { node: printed } = render({ node, namespace: "shop", labels: { "app.kubernetes.io/name": "yes", on: "1" } });
    assert.equal(printed.id, node);
    assert.deepEqual(printed.metadata, {
      NAMESPACE: "shop",
      LABELS: { "app.kubernetes.io/name": "yes", on: "1" },
      WEIR_STATS_INTERVAL: "1s",
    });
  });

  test("dots with a parameter are refused where paths are normal, before any other route, and nowhere else", () => {
    const routesOf = (paths: BootstrapOptions["paths"]) => {
      const hcm = render({ paths }).static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
      return hcm.route_config.virtual_hosts[0].routes;
    };
    const [first, last] = routesOf("normal");
    const refused = new RegExp(`^(?:${first.match.safe_regex.regex})$`);
    assert.deepEqual([first.direct_response, last.match], [{ status: 400 }, { prefix: "/" }]);
    for (const path of ["/..;/api", "/x/..%3b/api", "/%2e%2e;a=b/api", "/.;", "/%2E.%3B/x"]) assert.match(path, refused);
    for (const path of ["/;/api", "/a..;b", "/...;x", "/a.;b", "/x;y=..", "/.well-known/x;a", "/a/..%253b"])
      assert.doesNotMatch(path, refused);
    for (const paths of ["base", "as-written"] as const) assert.equal(routesOf(paths).length, 1);
  });

  test("slots stand before the router in the order asked for, closed unless told otherwise", () => {
    const hcm = (bootstrap: ReturnType<typeof render>) => bootstrap.static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
    const closed = hcm(render({ slots: ["first", "second"] })).http_filters;
    assert.deepEqual(
      closed.map((filter: { name: string }) => filter.name),
      ["weir/first", "weir/second", "envoy.filters.http.router"],
    );
    assert.equal(closed[0].config_discovery.default_config, undefined);
    const open = hcm(render({ whenMissing: "open" })).http_filters;
    assert.equal(open[0].config_discovery.default_config["@type"], open[0].config_discovery.type_urls[0]);
  });

  test("a worker that does not return ends Envoy, managed or not", () => {
    for (const managed of [false, true]) assert.equal(render({ managed }).watchdogs.worker_watchdog.kill_timeout, "5s");
  });

  test("names are resolved, addresses are not", () => {
    const types = (host: string) => render({ xds: { host, port: 1 } }).static_resources.clusters[0].type;
    assert.deepEqual([types("weir.weir-system.svc"), types("10.0.0.1"), types("::1")], ["STRICT_DNS", "STATIC", "STATIC"]);
  });

  test("a managed sidecar has ADS only and says in its metadata what it wants", () => {
    const bootstrap = render({ managed: true, slots: ["edge"], listen: { host: "0.0.0.0", port: 15006 } });
    assert.equal(bootstrap.static_resources.listeners, undefined);
    assert.equal(bootstrap.static_resources.clusters.length, 1);
    assert.deepEqual(Object.keys(bootstrap.dynamic_resources), ["ads_config", "lds_config", "cds_config"]);
    assert.deepEqual(sidecarOf(bootstrap.node.metadata.WEIR_MANAGED), {
      listenHost: "0.0.0.0",
      listenPort: 15006,
      appHost: "127.0.0.1",
      appPort: 8080,
      slots: ["edge"],
      whenMissing: "closed",
    });
  });

  test("metadata that no listener can be built from is refused with the field named", () => {
    const good = { listenPort: 10000, appPort: 8080 };
    assert.ok(sidecarOf(good));
    assert.equal(sidecarOf(undefined), undefined, "no managed sidecar");
    const bad: [unknown, RegExp][] = [
      [null, /no object/],
      ["x", /no object/],
      [{}, /listenPort/],
      [{ ...good, listenPort: 0 }, /listenPort/],
      [{ ...good, appPort: 70_000 }, /appPort/],
      [{ ...good, appPort: "8080" }, /appPort/],
      [{ ...good, listenHost: "not-an-ip" }, /listenHost/],
      [{ ...good, appHost: "a b" }, /appHost/],
      [{ ...good, slots: "default" }, /slots/],
      [{ ...good, slots: ["a", "a"] }, /slots/],
      [{ ...good, slots: ["a/b"] }, /slots/],
      [{ ...good, slots: Array.from({ length: 17 }, (_, i) => `s${i}`) }, /at most 16/],
      [{ ...good, whenMissing: "maybe" }, /whenMissing/],
    ];
    for (const [value, problem] of bad) {
      const parsed = parseManagedSidecar(value);
      assert.match(parsed.ok ? "" : parsed.error.message, problem, JSON.stringify(value));
    }
  });

  test("statistics can be left out", () => {
    assert.ok(render({}).stats_sinks);
    assert.equal(render({ stats: false }).stats_sinks, undefined);
  });
});
