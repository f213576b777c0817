import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { parse, stringify } from "yaml";
import { placeholder } from "../model/placeholder.ts";
import { localBootstrap } from "./support/bootstrap.ts";
import { chainEntry } from "./support/chain-entry.ts";
import { startControl } from "./support/control.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { startEnvoy } from "./support/envoy.ts";
import { aroundSlots, editManager, type HttpFilter, slotOfOne } from "./support/own-filters.ts";
import { reservePort } from "./support/ports.ts";
import { eventually } from "./support/process.ts";
import { startProxy, startScene, stat } from "./support/scene.ts";
import { soon } from "./support/soon.ts";
import { echoed, get } from "./support/traffic.ts";
import { badModules, headerFilter, networkFilter } from "./support/wat.ts";
import { hideFilterChain, startXdsTap } from "./support/xds-tap.ts";

const HTTP_FILTERS = "type.googleapis.com/envoy.extensions.filters.http";
const mark = async (name: string, text = name) => chainEntry(name, await headerFilter({ name: "x-order", value: text, on: "request" }));

/** Envoy's own filter that writes a mark on the request. */
function nativeMark(text: string): HttpFilter & Record<string, unknown> {
  const append = { header: { key: "x-order", value: text }, append_action: "APPEND_IF_EXISTS_OR_ADD" };
  return {
    name: `mark-${text}`,
    typed_config: { "@type": `${HTTP_FILTERS}.header_mutation.v3.HeaderMutation`, mutations: { request_mutations: [{ append }] } },
  };
}

function rateLimit(tokens: number): HttpFilter & Record<string, unknown> {
  const always = { default_value: { numerator: 100, denominator: "HUNDRED" } };
  return {
    name: "limit",
    typed_config: {
      "@type": `${HTTP_FILTERS}.local_ratelimit.v3.LocalRateLimit`,
      stat_prefix: "limit",
      token_bucket: { max_tokens: tokens, tokens_per_fill: tokens, fill_interval: "3600s" },
      filter_enabled: always,
      filter_enforced: always,
    },
  };
}

describe("a slot among native filters", () => {
  test("a request meets native filters and slots in the order their owner wrote down", async (t) => {
    const edit = aroundSlots(([first, second, router]) => {
      assert.ok(first && second && router);
      return [nativeMark("before"), first, nativeMark("between"), second, nativeMark("after"), router];
    });
    const { control, get } = await startScene(t, { bootstrap: { slots: ["first", "second"] }, edit });
    const order = async () => echoed(await get(), "x-order");
    await control.apply({ first: [await mark("a"), await mark("b")], second: [await mark("c")] });
    await soon(order, ["before", "a", "b", "between", "c", "after"]);
    await control.apply({ first: [await mark("b")], second: [await mark("c"), await mark("a")] });
    await soon(order, ["before", "b", "between", "c", "a", "after"]);
    await control.apply({ first: [], second: [] });
    await soon(order, ["before", "between", "after"]);
  });

  test("a rate limit before the slot refuses a request that the filters then never see", async (t) => {
    const code = await headerFilter({ name: "x-value", value: "on", trapOnDemand: true });
    const trap = chainEntry("trap", code, { failurePolicy: "Closed" });
    for (const [place, expected] of [
      ["before", 429],
      ["after", 503],
    ] as const) {
      const edit = aroundSlots(([slot, router]) => {
        assert.ok(slot && router);
        return place === "before" ? [rateLimit(1), slot, router] : [slot, rateLimit(1), router];
      });
      await t.test(`${place} the slot`, async (t) => {
        const { control, get } = await startScene(t, { edit });
        await control.apply({ default: [trap] });
        assert.equal((await get()).status, 200, "takes the one token");
        assert.equal((await get({ "x-trap": "1" })).status, expected);
      });
    }
  });

  test("an authorization service after the slot sees what the filters wrote, one before it does not", async (t) => {
    const seen: unknown[] = [];
    const service = createHttpServer((request, response) => {
      seen.push(request.headers["x-order"]);
      response.end();
    });
    await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
    t.after(() => service.close());
    const { port } = service.address() as AddressInfo;
    const address = { socket_address: { address: "127.0.0.1", port_value: port } };
    const cluster = {
      name: "authz",
      type: "STATIC",
      load_assignment: { cluster_name: "authz", endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    };
    const authorize = (name: string) => ({
      name,
      typed_config: {
        "@type": `${HTTP_FILTERS}.ext_authz.v3.ExtAuthz`,
        http_service: { server_uri: { uri: `http://127.0.0.1:${port}`, cluster: "authz", timeout: "5s" } },
        allowed_headers: { patterns: [{ exact: "x-order" }] },
      },
    });
    const edit = aroundSlots(
      ([slot, router]) => {
        assert.ok(slot && router);
        return [authorize("early"), slot, authorize("late"), router];
      },
      [cluster],
    );
    const { control, get } = await startScene(t, { edit });
    await control.apply({ default: [await mark("wasm")] });
    await soon(async () => echoed(await get(), "x-order"), ["wasm"]);
    assert.deepEqual(seen.slice(-2), [undefined, "wasm"]);
  });
});

for (const api_type of ["DELTA_GRPC", "GRPC"]) {
  test(`a slot may have a connection of its own, beside whatever else configures the proxy (${api_type})`, async (t) => {
    const edit = editManager((manager, bootstrap) => {
      const grpc_services = [{ envoy_grpc: { cluster_name: "weir_xds" } }];
      const source = { api_type, transport_api_version: "V3", grpc_services };
      manager.http_filters[0].config_discovery.config_source = { api_config_source: source, resource_api_version: "V3" };
      delete bootstrap.dynamic_resources;
    });
    const { control, get, stat } = await startScene(t, { edit });
    const order = async () => echoed(await get(), "x-order");
    await control.apply({ default: [await mark("a")] });
    await soon(order, ["a"]);
    await control.refused({ default: [await mark("b"), chainEntry("bad", await badModules.junk())] });
    assert.deepEqual(await order(), ["a"]);
    await control.apply({ default: [await mark("b"), await mark("a")] });
    await soon(order, ["b", "a"]);
    assert.equal(await stat("listener_manager.listener_modified"), 0);
  });
}

describe("a proxy without a chain yet", () => {
  for (const [whenMissing, expected] of [
    ["closed", "500 unfiltered"],
    ["open", "200 unfiltered"],
  ] as const) {
    test(`a proxy that starts while the server is away answers ${expected} when told ${whenMissing}, and is filtered once it is there`, async (t) => {
      const app = await startEchoApp();
      t.after(() => app.stop());
      const xds = { host: "127.0.0.1", port: await reservePort() };
      const { port } = await startProxy(t, { app, bootstrap: { xds, whenMissing, fetchTimeoutMs: 8_000 } });
      const answer = async () => {
        const { status, headers } = await get(port);
        return `${status} ${headers["x-value"] ?? "unfiltered"}`;
      };
      assert.equal(await answer(), "0 unfiltered", "it takes no connection while it waits");
      await soon(answer, expected);
      const control = await startControl({ port: xds.port });
      t.after(() => control.stop());
      await control.apply({ default: [chainEntry("a", await headerFilter({ name: "x-value", value: "on" }))] });
      await soon(answer, "200 on");
    });
  }

  for (const [whenMissing, expected] of [
    ["closed", 500],
    ["open", 200],
  ] as const) {
    for (const managed of [false, true]) {
      test(`a proxy whose very first chain cannot load answers ${expected} when told ${whenMissing}${managed ? " (managed)" : ""}`, async (t) => {
        const { control, get } = await startScene(t, { bootstrap: { whenMissing, managed } });
        await control.refused({ default: [chainEntry("bad", await badModules.junk())] });
        await soon(async () => (await get()).status, expected);
        await control.apply({ default: [await mark("a")] });
        await soon(async () => echoed(await get(), "x-order"), ["a"]);
      });
    }
  }
});

describe("slots for one filter each", () => {
  test("a proxy without filter_chain takes each filter as a resource of its own", async (t) => {
    const app = await startEchoApp();
    const control = await startControl();
    const tap = await startXdsTap({ target: control.port, edit: hideFilterChain });
    t.after(async () => {
      await tap.stop();
      await control.stop();
      await app.stop();
    });
    const edit = aroundSlots(([, router]) => {
      assert.ok(router);
      return [slotOfOne("a", "HTTP"), slotOfOne("b", "HTTP"), router];
    });
    const { envoy, port } = await startProxy(t, { app, edit, bootstrap: { xds: { host: "127.0.0.1", port: tap.port }, stats: false } });
    const order = async () => echoed(await get(port), "x-order");

    await control.apply({ default: [await mark("a"), await mark("b")] });
    await soon(order, ["a", "b"]);
    await control.apply({ default: [await mark("a", "a2"), await mark("b")] });
    await soon(order, ["a2", "b"]);

    const bad = chainEntry("a", await badModules.missingImport());
    const rejection = await control.refused({ default: [bad, await mark("b", "b2")] });
    assert.equal(rejection.culprit?.filter.name, "a");
    await soon(order, ["a2", "b2"], "the other filter is not held back");

    control.desire({ default: [await mark("b")] });
    await soon(order, ["b"], "a filter that is gone leaves its slot open, not broken");
    control.desire({ default: [] });
    await soon(order, []);
    await control.apply({ default: [await mark("a", "a3"), await mark("b", "b3")] });
    await soon(order, ["a3", "b3"]);
    assert.equal(await stat(envoy, "listener_manager.listener_modified"), 0);
  });

  test("a network filter is added to live connections' listener, changed and taken away", async (t) => {
    const control = await startControl();
    t.after(() => control.stop());
    const { port, envoy } = await startTcpProxy(t, control.port);
    const hello = () => says(port);
    const filter = async (prefix: string) => chainEntry("greet", await networkFilter({ metric: "greeted", prefix }), { type: "Network" });

    await control.apply({ default: [await filter("one: ")] });
    await eventually("the listener", async () => (await hello()) === "one: hello");
    await control.apply({ default: [await filter("two: ")] });
    await soon(hello, "two: hello");
    await control.refused({ default: [chainEntry("greet", await badModules.junk(), { type: "Network" })] });
    assert.equal(await hello(), "two: hello");
    await control.apply({ default: [placeholder({ namespace: "shop", name: "greet" }, (await filter("")).settings, "replaces")] });
    await soon(hello, "", "its placeholder lets no connection through");
    control.desire({ default: [] });
    await soon(hello, "hello");
    assert.equal(await stat(envoy, "listener_manager.listener_modified"), 0);
  });
});

/** An Envoy that passes TCP on to an app that greets, with one network slot before. */
async function startTcpProxy(t: TestContext, xdsPort: number) {
  const app = createServer((socket) => void socket.end("hello"));
  await new Promise<void>((resolve) => app.listen(0, "127.0.0.1", resolve));
  t.after(() => app.close());
  const text = localBootstrap({ node: "tcp-1", xdsPort, appPort: (app.address() as AddressInfo).port });
  const bootstrap = parse(text);
  const tcpProxy = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
    stat_prefix: "app",
    cluster: "app",
  };
  bootstrap.static_resources.listeners[0].filter_chains[0].filters = [
    slotOfOne("greet", "Network"),
    { name: "envoy.filters.network.tcp_proxy", typed_config: tcpProxy },
  ];
  const envoy = await startEnvoy({ config: stringify(bootstrap), log: "warning" });
  t.after(() => envoy.stop());
  return { envoy, port: await envoy.port() };
}

/** Everything that the other end says before it closes; the error's message when there is none. */
function says(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = connect(port, "127.0.0.1");
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.once("error", (error) => resolve(error.message));
    socket.once("close", () => resolve(text));
  });
}
