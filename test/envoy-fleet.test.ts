import assert from "node:assert/strict";
import { test } from "node:test";
import type { Chain, ChainEntry } from "../model/delivery.ts";
import { chainEntry } from "./support/chain-entry.ts";
import { startControl } from "./support/control.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { eventually } from "./support/process.ts";
import { startProxy, stat } from "./support/scene.ts";
import { get, startTraffic, type Totals } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";
import { hideFilterChain, startXdsTap } from "./support/xds-tap.ts";

const PROXIES = 10;
const CHANGES = 200;

/**
 * The chain after change `i`. Every proxy gets a new configuration each time and now and then a new module or environment; where the chain is one
 * resource, filters also come, go and move, which elsewhere would change the listener.
 */
async function chains() {
  const guard = chainEntry("guard", await headerFilter({ name: "x-guard", value: "on" }));
  const modules = await Promise.all(["x-change", "x-change-b"].map((name) => headerFilter({ name, value: { from: "configuration" } })));
  const fromEnv = await headerFilter({ name: "x-env", value: { from: "env", name: "CHANGE" } });
  const extra = chainEntry("extra", await headerFilter({ name: "x-extra", value: "on" }));
  return (change: number, wholeChain: boolean): Chain => {
    const module = modules[change % 20 === 19 ? 1 : 0];
    assert.ok(module);
    const changing = chainEntry("changing", module, { config: `${change}` });
    const environment = chainEntry("environment", fromEnv, { env: [{ name: "CHANGE", value: `${change - (change % 5)}` }] });
    const base: ChainEntry[] = [guard, changing, environment];
    if (!wholeChain) return base;
    if (change % 3 === 0) base.push(extra);
    return change % 4 === 0 ? base.reverse() : base;
  };
}

function sum(totals: readonly Totals[]) {
  return {
    sent: totals.reduce((count, { sent }) => count + sent, 0),
    failed: totals.reduce((count, { failed }) => count + failed, 0),
    unfiltered: totals.reduce((count, { unfiltered }) => count + unfiltered, 0),
    samples: totals.flatMap(({ samples }) => samples).slice(0, 5),
  };
}

test(`${PROXIES} proxies of both slot forms follow ${CHANGES} changes in a row under traffic`, { timeout: 170_000 }, async (t) => {
  const chainOf = await chains();
  const app = await startEchoApp();
  const control = await startControl();
  const tap = await startXdsTap({ target: control.port, edit: hideFilterChain });
  t.after(async () => {
    await tap.stop();
    await control.stop();
    await app.stop();
  });
  const hasChain = (proxy: string) => proxy.startsWith("chain");
  const desired = (change: number) => (proxy: string) => ({ default: chainOf(change, hasChain(proxy)) });
  const proxies = await Promise.all(
    Array.from({ length: PROXIES }, async (_, i) => {
      const node = i % 2 === 0 ? `chain-${i}` : `filters-${i}`;
      // Of those with a chain, every other one has its listener in its own bootstrap.
      const managed = i % 4 !== 0;
      const xds = { host: "127.0.0.1", port: hasChain(node) ? control.port : tap.port };
      return { node, ...(await startProxy(t, { app, bootstrap: { node, managed, xds } })) };
    }),
  );
  await control.apply(desired(0), PROXIES);
  await Promise.all(proxies.map(({ port }) => eventually("the listener", async () => (await get(port)).status === 200)));
  const traffics = proxies.map(({ port }) =>
    startTraffic({
      port,
      clients: 2,
      pauseMs: 20,
      filtered: ({ headers }) => headers["x-guard"] === "on" && headers["x-env"] !== undefined,
    }),
  );
  t.after(() => Promise.all(traffics.map((traffic) => traffic.stop())));

  const times: number[] = [];
  for (let change = 1; change <= CHANGES; change++) times.push(await control.apply(desired(change), PROXIES));

  for (const { node, port } of proxies) {
    const { headers } = await get(port);
    assert.equal(headers["x-change"] ?? headers["x-change-b"], `${CHANGES}`, node);
  }
  const totals = sum(await Promise.all(traffics.map((traffic) => traffic.stop())));
  times.sort((x, y) => x - y);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]?.toFixed(0);
  t.diagnostic(`${CHANGES} changes, all acknowledged by ${PROXIES} proxies: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`);
  t.diagnostic(`${totals.sent} requests, ${totals.failed} failed, ${totals.unfiltered} unfiltered`);
  assert.deepEqual({ ...totals, sent: 0 }, { sent: 0, failed: 0, unfiltered: 0, samples: [] });
  for (const { node, envoy } of proxies) {
    assert.equal(await stat(envoy, "listener_manager.listener_modified"), 0, `${node}: listener changed`);
    assert.equal(await stat(envoy, "listener_manager.total_listeners_draining"), 0, `${node}: listener drained`);
  }
});
