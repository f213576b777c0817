import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import type { Chain } from "../model/delivery.ts";
import { chainVersion } from "../xds/envoy/chain.ts";
import { dialectOf } from "../xds/envoy/dialect.ts";
import type { DeltaDiscoveryRequest } from "../xds/gen/envoy/service/discovery/v3/discovery.ts";
import { chainEntry } from "./support/chain-entry.ts";
import { type Control, startControl } from "./support/control.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { eventually } from "./support/process.ts";
import { type Scene, startProxy, startScene, stat } from "./support/scene.ts";
import { soon } from "./support/soon.ts";
import { echoed, get, startTraffic } from "./support/traffic.ts";
import { badModules, headerFilter } from "./support/wat.ts";
import { startXdsTap } from "./support/xds-tap.ts";

/** The version under which a proxy gets a chain of its default slot. */
function versionFor({ fleet }: Control, chain: Chain): string {
  const dialect = dialectOf(true, fleet.proxy("shop/web-1")?.version ?? "");
  return chainVersion("default", chain, dialect);
}

/** In every chain of a test, so that each answer tells whether it was filtered. */
const guard = chainEntry("guard", await headerFilter({ name: "x-guard", value: "on" }));
/** A filter that leaves its mark on the request: the app sees the marks in the order of the chain. */
const mark = async (name: string, text = name) => chainEntry(name, await headerFilter({ name: "x-order", value: text, on: "request" }));
const [a, b] = [await mark("a"), await mark("b")];

async function order({ get }: Scene): Promise<string[]> {
  return echoed(await get(), "x-order");
}

async function guardedTraffic(t: TestContext, scene: Scene) {
  await scene.control.apply({ default: [guard] });
  await eventually("the proxy to serve", async () => (await scene.get()).headers["x-guard"] === "on");
  const traffic = startTraffic({ port: scene.port, filtered: ({ headers }) => headers["x-guard"] === "on" });
  t.after(() => traffic.stop());
  return traffic;
}

test("filters come, go, move and change under traffic: no request fails, none goes unfiltered, no connection is drained", async (t) => {
  const scene = await startScene(t);
  const traffic = await guardedTraffic(t, scene);
  const held = scene.get({ "x-hold": "1" });
  await eventually("a request that lasts over all changes", () => scene.app.held() === 1);

  const steps = [
    { chain: [guard, a, b], marks: ["a", "b"] },
    { chain: [b, guard, a], marks: ["b", "a"] },
    { chain: [b, guard, await mark("a", "a2")], marks: ["b", "a2"] },
    { chain: [guard, a], marks: ["a"] },
    { chain: [guard], marks: [] },
  ];
  for (const { chain, marks } of steps) {
    await scene.control.apply({ default: chain });
    await soon(() => order(scene), marks, "what is acknowledged is in force");
    await traffic.more(200);
  }
  scene.app.release();
  assert.equal((await held).status, 200);
  const { sent, failed, unfiltered, samples } = await traffic.stop();
  t.diagnostic(`${sent} requests over ${steps.length} changes, ${failed} failed, ${unfiltered} unfiltered`);
  assert.deepEqual({ failed, unfiltered, samples }, { failed: 0, unfiltered: 0, samples: [] });
  assert.equal(await scene.stat("listener_manager.listener_modified"), 0);
});

describe("a chain that cannot load", () => {
  test("a chain with a module that cannot load is refused whole, with the plugin named, and the last good one stays in force", async (t) => {
    const scene = await startScene(t);
    const traffic = await guardedTraffic(t, scene);
    for (const [kind, module] of Object.entries(badModules)) {
      const good = [guard, await mark("a", `before ${kind}`)];
      await scene.control.apply({ default: good });
      await soon(() => order(scene), [`before ${kind}`]);
      const bad = chainEntry("bad", await module());
      const rejection = await scene.control.refused({ default: [b, guard, bad] });
      assert.deepEqual(rejection.culprit?.filter, bad.filter, kind);
      assert.match(rejection.message, /shop\/bad/);
      assert.deepEqual(await order(scene), [`before ${kind}`]);
      assert.deepEqual(
        scene.control.slot("web-1")?.running?.map(({ filter }) => filter.name),
        ["guard", "a"],
      );
      // Envoy keeps a refused config for its next listener rebuild: the last good one must have taken its place.
      const version = versionFor(scene.control, good);
      await eventually("the last good chain in Envoy's own view", async () =>
        (await scene.envoy.get("/config_dump?resource=ecds_filters")).includes(`"version_info": "${version}"`),
      );
      assert.deepEqual(await order(scene), [`before ${kind}`]);
    }
    await scene.control.apply({ default: [b, guard] });
    await soon(() => order(scene), ["b"]);
    const { sent, failed, unfiltered, samples } = await traffic.stop();
    t.diagnostic(`${sent} requests over ${Object.keys(badModules).length} refused modules, ${failed} failed, ${unfiltered} unfiltered`);
    assert.deepEqual({ failed, unfiltered, samples }, { failed: 0, unfiltered: 0, samples: [] });
  });

  test("a refused chain is sent once, and once more only when its content changes", async (t) => {
    const app = await startEchoApp();
    const control = await startControl();
    const tap = await startXdsTap({ target: control.port });
    t.after(async () => {
      await tap.stop();
      await control.stop();
      await app.stop();
    });
    const { port } = await startProxy(t, { app, bootstrap: { xds: { host: "127.0.0.1", port: tap.port }, stats: false } });
    const sent = (version: string) =>
      tap.passed.filter(({ from, message }) => from === "server" && message.resources?.some((resource) => resource.version === version))
        .length;
    await control.apply({ default: [guard] });
    const bad = [guard, chainEntry("bad", await badModules.junk())];
    await control.refused({ default: bad });
    control.desire({ default: [...bad] });
    await control.apply({ default: [guard, a] });
    await control.refused({ default: bad });
    await soon(async () => echoed(await get(port), "x-order"), ["a"]);
    assert.equal(sent(versionFor(control, bad)), 1);
  });

  test("a refusal that is lost with its connection is asked for again, not taken for consent", async (t) => {
    const app = await startEchoApp();
    t.after(() => app.stop());
    let control = await startControl();
    t.after(() => control.stop());
    let loseNext = false;
    const edit = (request: DeltaDiscoveryRequest) => {
      if (request.errorDetail === undefined || !loseNext) return request;
      loseNext = false;
      return "lost";
    };
    const tap = await startXdsTap({ target: control.port, edit });
    t.after(() => tap.stop());
    const { port } = await startProxy(t, { app, bootstrap: { xds: { host: "127.0.0.1", port: tap.port }, stats: false } });
    const order = async () => echoed(await get(port), "x-order");
    await control.apply({ default: [a] });

    const bad = async (name: string) => [a, b, chainEntry(name, await badModules.missingImport())];
    loseNext = true;
    assert.equal((await control.refused({ default: await bad("bad-1") })).culprit?.filter.name, "bad-1");
    assert.equal(loseNext, false, "a refusal was lost");
    assert.deepEqual(await order(), ["a"]);

    // The same, with a server that knows nothing of what the one before it sent.
    const desired = { default: await bad("bad-2") };
    loseNext = true;
    control.desire(desired);
    await eventually("a refusal to be lost", () => !loseNext);
    await control.stop();
    control = await startControl({ port: control.port });
    assert.equal((await control.refused(desired)).culprit?.filter.name, "bad-2");
    assert.deepEqual(await order(), ["a"]);
    await control.apply({ default: [b] });
    await soon(order, ["b"]);
  });
});

describe("a change that takes effect", () => {
  test("an empty chain lets everything pass, and filters come back", async (t) => {
    const scene = await startScene(t);
    const answer = async () => {
      const { status, headers } = await scene.get();
      return `${status} ${headers["x-guard"] ?? "unfiltered"}`;
    };
    for (const [chain, expected] of [
      [[], "200 unfiltered"],
      [[guard], "200 on"],
      [[], "200 unfiltered"],
    ] as const) {
      await scene.control.apply({ default: chain });
      await soon(answer, expected);
    }
  });

  test("a change of environment, capabilities or configuration alone takes effect", async (t) => {
    const scene = await startScene(t);
    const expectHeader = async (expected: string | undefined, ...entry: Parameters<typeof chainEntry>) => {
      await scene.control.apply({ default: [chainEntry(...entry)] });
      await soon(async () => (await scene.get()).headers["x-value"], expected, JSON.stringify(entry[2]));
    };
    const fromEnv = await headerFilter({ name: "x-value", value: { from: "env", name: "MODE" } });
    await expectHeader("one", "e", fromEnv, { env: [{ name: "MODE", value: "one" }] });
    await expectHeader("two", "e", fromEnv, { env: [{ name: "MODE", value: "two" }] });

    const fromConfig = await headerFilter({ name: "x-value", value: { from: "configuration" } });
    await expectHeader("one", "c", fromConfig, { config: "one" });
    await expectHeader("two", "c", fromConfig, { config: "two" });

    const fixed = await headerFilter({ name: "x-value", value: "on" });
    await expectHeader("on", "f", fixed);
    await expectHeader(undefined, "f", fixed, { capabilities: ["proxy_log"] });
    await expectHeader("on", "f", fixed, { capabilities: ["proxy_add_header_map_value"] });
    await expectHeader(undefined, "f", fixed, { capabilities: [] });
  });
});

describe("a filter that traps", () => {
  test("a filter that traps does what its failure policy says", async (t) => {
    const scene = await startScene(t);
    const code = await headerFilter({ name: "x-value", value: "on", trapOnDemand: true });
    const trap = async (failurePolicy: "Reload" | "Closed" | "Open") => {
      await scene.control.apply({ default: [chainEntry("trap", code, { failurePolicy })] });
      await soon(async () => (await scene.get()).headers["x-value"], "on");
      // Each worker has a VM of its own: the connections of a few requests reach them all.
      for (let i = 0; i < 20; i++) await scene.get({ "x-trap": "1" });
      const after = await Promise.all(Array.from({ length: 20 }, () => scene.get()));
      return after.map(({ status, headers }) => `${status} ${headers["x-value"] ?? "unfiltered"}`);
    };
    assert.ok((await trap("Closed")).includes("503 unfiltered"));
    assert.ok((await trap("Open")).includes("200 unfiltered"));
    assert.ok((await trap("Reload")).includes("503 unfiltered"));
    await eventually("new VMs on every worker", async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => scene.get()));
      return answers.every(({ status, headers }) => status === 200 && headers["x-value"] === "on");
    });
  });

  test("filters that share a module do not share a VM: one that traps takes no other with it", async (t) => {
    const scene = await startScene(t);
    const code = await headerFilter({ name: "x-value", value: { from: "configuration" }, trapOnDemand: true });
    const open = chainEntry("open", code, { failurePolicy: "Open", config: "open" });
    const twin = chainEntry("twin", await headerFilter({ name: "x-value", value: { from: "configuration" } }), { config: "twin" });
    await scene.control.apply({ default: [open, twin] });
    await soon(async () => (await scene.get()).headers["x-value"], "twin, open");
    for (let i = 0; i < 20; i++) await scene.get({ "x-trap": "1" });
    const answers = await Promise.all(Array.from({ length: 20 }, () => scene.get()));
    for (const { status, headers } of answers) assert.match(`${status} ${headers["x-value"]}`, /^200 .*twin/);
  });
});

test("a proxy keeps its filters while the server is away, and is sent nothing again when it is back", async (t) => {
  const app = await startEchoApp();
  t.after(() => app.stop());
  let control = await startControl();
  t.after(() => control.stop());
  const tap = await startXdsTap({ target: control.port });
  t.after(() => tap.stop());
  const { envoy, port } = await startProxy(t, { app, bootstrap: { xds: { host: "127.0.0.1", port: tap.port }, stats: false } });
  await control.apply({ default: [guard, a] });
  const traffic = startTraffic({ port, filtered: ({ headers }) => headers["x-guard"] === "on" });
  t.after(() => traffic.stop());

  await control.stop();
  await eventually("the proxy to notice", async () => (await stat(envoy, "control_plane.connected_state")) === 0);
  await traffic.more(100);
  const before = tap.passed.length;
  control = await startControl({ port: control.port });
  await control.apply({ default: [guard, a] });
  await traffic.more(100);
  const resent = tap.passed.slice(before).flatMap(({ from, message }) => (from === "server" ? (message.resources ?? []) : []));
  assert.deepEqual(resent, []);

  await control.apply({ default: [guard, b] });
  await soon(async () => echoed(await get(port), "x-order"), ["b"]);
  const { failed, unfiltered, samples } = await traffic.stop();
  assert.deepEqual({ failed, unfiltered, samples }, { failed: 0, unfiltered: 0, samples: [] });
});
