import assert from "node:assert/strict";
import { test } from "node:test";
import { showMatches } from "../model/match.ts";
import { FILTER, startRolloutScene } from "./support/rollout-scene.ts";
import { soon } from "./support/soon.ts";
import { get, startTraffic } from "./support/traffic.ts";
import { weir } from "./support/weir.ts";

const CANARY = [{ headers: [{ name: "x-canary", exact: "1" }] }];
const STEPS = [{ match: CANARY, percent: 100, pause: true }, { percent: 50, hold: "2s" }, { percent: 100 }];
const ANALYSIS = { minRequests: 20 };

test("in a dark step only requests with a header see the new release, under traffic; then everyone does", async (t) => {
  const scene = await startRolloutScene({
    proxies: 2,
    rollout: (release) => ({ steps: release === 0 ? [{ percent: 100 }] : STEPS, analysis: ANALYSIS, progressDeadline: "60s" }),
    pauseMs: 5,
  });
  t.after(scene.stop);
  const { server, folder } = scene;
  const [{ port = 0 } = {}] = scene.proxies;
  const promote = () => weir(["rollout", "promote", FILTER, "--filters", "filters", "--server", server.url], { cwd: folder });
  const state = (name: string) => server.until(name, FILTER, ({ status }) => status?.rollout?.state === name);
  const paused = (image: string) =>
    server.until("a dark step", FILTER, (filter) => filter.spec.image === image && filter.status?.rollout?.state === "Paused");

  const second = await scene.release(2, "good");
  const dark = await paused(second.image);
  assert.deepEqual(dark.status?.rollout?.match, CANARY);
  assert.deepEqual(dark.status?.proxies, { matched: 2, updated: 2, rejected: 0, pending: 0 });
  const seen: Record<string, number> = {};
  const note = (kind: string, value: unknown) => {
    seen[`${kind} ${value}`] = (seen[`${kind} ${value}`] ?? 0) + 1;
  };
  const canary = startTraffic({
    port,
    headers: { "x-canary": "1" },
    filtered: () => true,
    onAnswer: ({ headers }) => note("canary", headers["x-weir"]),
  });
  const others = startTraffic({
    port,
    headers: { "x-canary": "0" },
    filtered: () => true,
    onAnswer: ({ headers }) => note("other", headers["x-weir"]),
  });
  t.after(() => Promise.all([canary.stop(), others.stop()]));
  await Promise.all([canary.more(500), others.more(500)]);
  t.diagnostic(`in the dark: ${JSON.stringify(seen)}`);
  assert.deepEqual(Object.keys(seen).sort(), ["canary 2", "other 0"]);

  await server.kill();
  await server.start();
  await paused(second.image);
  await Promise.all([canary.more(100), others.more(100)]);
  assert.deepEqual(Object.keys(seen).sort(), ["canary 2", "other 0"], "over a kill of the server too");
  const described = await weir(["describe", FILTER, "--filters", "filters", "--server", server.url], { cwd: folder });
  assert.ok(described.includes(showMatches(CANARY)), described);
  const stats = await scene.proxies[0]?.envoy.get("/stats?filter=wasm");
  t.diagnostic(
    `${stats
      ?.split("\n")
      .filter((line) => /created|active/.test(line))
      .join(", ")}`,
  );

  await promote();
  await state("Succeeded");
  await scene.allRun(second);
  await soon(async () => (await get(port)).headers["x-weir"], "2");
  const totals = [await canary.stop(), await others.stop()];
  t.diagnostic(
    `${totals[0]?.sent} requests with the header, ${totals[1]?.sent} without, ${(totals[0]?.failed ?? 0) + (totals[1]?.failed ?? 0)} failed`,
  );
  assert.deepEqual(
    totals.map(({ failed, samples }) => ({ failed, samples })),
    [
      { failed: 0, samples: [] },
      { failed: 0, samples: [] },
    ],
  );

  const third = await scene.release(3, "trapsOnTraffic");
  await paused(third.image);
  const customers = startTraffic({ port, headers: { "x-canary": "1", "x-customer": "1" }, filtered: () => true });
  assert.equal(await scene.outcome(third), "RolledBack");
  const { failed } = await customers.stop();
  const { status } = await state("RolledBack");
  const why = status?.history?.find(({ digest }) => digest === third.digest)?.message ?? "";
  t.diagnostic(`${failed} requests of those with both headers failed: ${why}`);
  assert.match(why, /VmFailed|ErrorsRose/);
  await scene.allRun(second);
});
