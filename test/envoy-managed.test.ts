import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { Chain } from "../model/delivery.ts";
import { typeUrls } from "../xds/protocol/resource.ts";
import { chainEntry } from "./support/chain-entry.ts";
import { startControl } from "./support/control.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { eventually } from "./support/process.ts";
import { startProxy, stat } from "./support/scene.ts";
import { soon } from "./support/soon.ts";
import { echoed, get, startTraffic } from "./support/traffic.ts";
import { badModules, headerFilter, networkFilter } from "./support/wat.ts";
import { hideFilterChain, startXdsTap } from "./support/xds-tap.ts";

const guard = chainEntry("guard", await headerFilter({ name: "x-guard", value: "on" }));
const mark = async (name: string, text = name) => chainEntry(name, await headerFilter({ name: "x-order", value: text, on: "request" }));
const countConnections = chainEntry("count", await networkFilter({ metric: "counted_connections" }), { type: "Network" });

/** A sidecar with nothing but ADS in its bootstrap, and a tap that sees what goes over it. */
async function startSidecar(t: TestContext, form: "chain" | "filters") {
  const app = await startEchoApp();
  const control = await startControl();
  const tap = await startXdsTap({ target: control.port, ...(form === "filters" && { edit: hideFilterChain }) });
  t.after(async () => {
    await tap.stop();
    await control.stop();
    await app.stop();
  });
  const bootstrap = { managed: true, xds: { host: "127.0.0.1", port: tap.port }, stats: false };
  const { envoy, port } = await startProxy(t, { app, bootstrap });
  return {
    app,
    control,
    tap,
    envoy,
    port,
    order: async () => echoed(await get(port), "x-order"),
    modified: () => stat(envoy, "listener_manager.listener_modified"),
    async serving(chain: Chain) {
      control.desire({ default: chain });
      const first = await eventually("the listener", async () => {
        const answer = await get(port);
        return answer.status === 200 ? answer : undefined;
      });
      if (chain.includes(guard)) assert.equal(first.headers["x-guard"], "on", "no request passes before the filters are in place");
    },
    guarded() {
      const traffic = startTraffic({ port, filtered: ({ headers }) => headers["x-guard"] === "on" });
      t.after(() => traffic.stop());
      return traffic;
    },
  };
}

type Sidecar = Awaited<ReturnType<typeof startSidecar>>;

/** Types of the resources sent, in the order they went over the wire. */
function sentTypes({ tap }: Sidecar): string[] {
  return tap.passed.flatMap(({ from, message }) => (from === "server" ? (message.resources ?? []).map(() => message.typeUrl ?? "") : []));
}

async function assertSpotless(t: TestContext, traffic: ReturnType<typeof startTraffic>): Promise<void> {
  const { sent, failed, unfiltered, samples } = await traffic.stop();
  t.diagnostic(`${sent} requests, ${failed} failed, ${unfiltered} unfiltered`);
  assert.deepEqual({ failed, unfiltered, samples }, { failed: 0, unfiltered: 0, samples: [] });
}

describe("what a managed sidecar is served", () => {
  test("a managed sidecar gets cluster, endpoints, listener, filters and route in this order", async (t) => {
    const sidecar = await startSidecar(t, "chain");
    await sidecar.serving([guard]);
    assert.equal((await get(sidecar.port)).headers["x-guard"], "on", "the listener takes requests only with its filters in place");
    const types = sentTypes(sidecar);
    assert.deepEqual([...types].sort(), [...Object.values(typeUrls)].sort(), "each is sent once");
    const at = (type: keyof typeof typeUrls) => types.indexOf(typeUrls[type]);
    assert.ok(at("cluster") < at("endpoint") && at("cluster") < at("listener"), String(types));
    assert.ok(at("listener") < at("route") && at("listener") < at("extensionConfig"), String(types));
  });

  test("filters of a managed sidecar change with its listener untouched", async (t) => {
    const sidecar = await startSidecar(t, "chain");
    await sidecar.serving([guard]);
    const traffic = sidecar.guarded();
    const before = sentTypes(sidecar).length;
    for (const [chain, marks] of [
      [
        [guard, await mark("a"), await mark("b")],
        ["a", "b"],
      ],
      [
        [await mark("b"), guard, await mark("a", "a2")],
        ["b", "a2"],
      ],
      [[guard], []],
    ] as const) {
      await sidecar.control.apply({ default: chain });
      await soon(sidecar.order, [...marks]);
      await traffic.more(200);
    }
    await sidecar.control.refused({ default: [guard, chainEntry("bad", await badModules.junk())] });
    await traffic.more(100);
    await assertSpotless(t, traffic);
    assert.deepEqual([...new Set(sentTypes(sidecar).slice(before))], [typeUrls.extensionConfig], "nothing but filters is sent");
    assert.equal(await sidecar.modified(), 0);
  });
});

describe("filters as resources of their own", () => {
  test("where filters are resources of their own, an update leaves the listener alone and others change it in place, under traffic", async (t) => {
    const sidecar = await startSidecar(t, "filters");
    await sidecar.serving([guard, await mark("a")]);
    const traffic = sidecar.guarded();
    for (const [chain, marks, modified] of [
      [[guard, await mark("a", "a2")], ["a2"], 0],
      [[guard, await mark("a", "a2"), await mark("b")], ["a2", "b"], 1],
      [[await mark("b"), guard, await mark("a", "a2")], ["b", "a2"], 2],
      [[await mark("b"), guard, await mark("a", "a3")], ["b", "a3"], 2],
      [[guard, await mark("a", "a3")], ["a3"], 3],
      [[guard], [], 4],
    ] as const) {
      await sidecar.control.apply({ default: chain });
      await soon(sidecar.order, [...marks]);
      await traffic.more(200);
      assert.equal(await sidecar.modified(), modified);
    }
    await assertSpotless(t, traffic);
    assert.equal(await stat(sidecar.envoy, "listener_manager.listener_in_place_updated"), 4, "no listener was replaced whole");
  });

  test("a filter that cannot load is refused alone where filters are resources of their own", async (t) => {
    const sidecar = await startSidecar(t, "filters");
    await sidecar.serving([guard, await mark("a")]);
    const traffic = sidecar.guarded();
    const rejection = await sidecar.control.refused({ default: [guard, chainEntry("a", await badModules.missingImport())] });
    assert.equal(rejection.culprit?.filter.name, "a");
    await traffic.more(100);
    assert.deepEqual(await sidecar.order(), ["a"]);
    // Nor does a rebuilt listener take up the refused one.
    sidecar.control.desire({ default: [chainEntry("a", await badModules.missingImport()), guard] });
    await eventually("the listener to be rebuilt", async () => (await sidecar.modified()) === 1);
    await traffic.more(100);
    assert.deepEqual(await sidecar.order(), ["a"]);
    await sidecar.control.apply({ default: [await mark("a", "mended"), guard] });
    await soon(sidecar.order, ["mended"]);
    await assertSpotless(t, traffic);
  });
});

describe("a listener in use", () => {
  for (const [form, type, before] of [
    ["filters", "HTTP", [guard]],
    ["filters", "HTTP", []],
    ["filters", "Network", [guard]],
    ["chain", "Network", [guard]],
  ] as const) {
    test(`a new ${type} filter that cannot load, beside ${before.length} others, fails no request (${form})`, async (t) => {
      const sidecar = await startSidecar(t, form);
      await sidecar.serving(before);
      const traffic = startTraffic({ port: sidecar.port, filtered: ({ headers }) => before.length === 0 || headers["x-guard"] === "on" });
      t.after(() => traffic.stop());
      const rejection = await sidecar.control.refused({ default: [...before, chainEntry("bad", await badModules.junk(), { type })] });
      assert.equal(rejection.culprit?.filter.name, "bad");
      for (let i = 0; i < 5; i++) assert.equal((await get(sidecar.port)).status, 200, "on a new connection");
      await traffic.more(200);
      await sidecar.control.apply({ default: [...before, await mark("a")] });
      await soon(sidecar.order, ["a"]);
      await assertSpotless(t, traffic);
    });
  }

  for (const [form, type] of [
    ["chain", "HTTP"],
    ["chain", "Network"],
    ["filters", "HTTP"],
    ["filters", "Network"],
  ] as const) {
    test(`a managed sidecar whose very first ${type} filter cannot load lets nothing pass, not even after it reconnects (${form})`, async (t) => {
      const sidecar = await startSidecar(t, form);
      const first = type === "HTTP" ? [] : [guard];
      await sidecar.control.refused({ default: [...first, chainEntry("bad", await badModules.junk(), { type })] });
      const passed = async () => (await get(sidecar.port)).status === 200;
      await eventually("the listener", async () => (await stat(sidecar.envoy, "listener_manager.total_listeners_active")) === 1);
      for (let i = 0; i < 5; i++) assert.equal(await passed(), false);
      const asked = () =>
        sidecar.tap.passed.filter(({ from, message }) => from === "proxy" && message.typeUrl === typeUrls.extensionConfig).length;
      const before = asked();
      sidecar.tap.cut();
      await eventually("it to ask for its filters again", () => asked() > before);
      for (let i = 0; i < 50; i++) assert.equal(await passed(), false, "after it reconnected");
      sidecar.control.desire({ default: [guard] });
      await eventually("requests to pass", passed);
    });
  }

  for (const form of ["chain", "filters"] as const) {
    test(`a network filter comes to a managed sidecar's listener and goes (${form})`, async (t) => {
      const sidecar = await startSidecar(t, form);
      const counted = () => stat(sidecar.envoy, "wasmcustom.counted_connections");
      await sidecar.serving([guard]);
      const traffic = sidecar.guarded();
      sidecar.control.desire({ default: [guard, countConnections] });
      await eventually("connections to be counted", async () => {
        await get(sidecar.port);
        return ((await counted()) ?? 0) > 0;
      });
      await sidecar.control.apply({ default: [guard, await mark("a")] });
      await soon(sidecar.order, ["a"]);
      await eventually("the old listener config to be out of use", async () => {
        const before = await counted();
        await get(sidecar.port);
        return (await counted()) === before;
      });
      await assertSpotless(t, traffic);
    });

    test(`a slot that cannot be filled now keeps what it has, listener included (${form})`, async (t) => {
      const sidecar = await startSidecar(t, form);
      await sidecar.serving([guard, await mark("a"), countConnections]);
      const modified = await sidecar.modified();
      const traffic = sidecar.guarded();
      sidecar.control.desire({ default: "hold" });
      await traffic.more(200);
      assert.deepEqual(await sidecar.order(), ["a"]);
      assert.equal(await sidecar.modified(), modified);
      await sidecar.control.apply({ default: [guard, await mark("a", "a2"), countConnections] });
      await soon(sidecar.order, ["a2"]);
      await assertSpotless(t, traffic);
      assert.equal(await sidecar.modified(), modified);
    });
  }
});

test("an app known by name is reached through a cluster that resolves it", async (t) => {
  const app = await startEchoApp();
  const control = await startControl();
  t.after(async () => {
    await control.stop();
    await app.stop();
  });
  const bootstrap = { managed: true, upstream: { host: "localhost", port: app.port }, xds: { host: "localhost", port: control.port } };
  const { port } = await startProxy(t, { app, bootstrap });
  control.desire({ default: [guard] });
  await eventually("the listener", async () => (await get(port)).status === 200);
  assert.equal((await get(port)).headers["x-guard"], "on");
});
