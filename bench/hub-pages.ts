/**
 * What the pages cost a server with a large fleet: `node bench/hub-pages.ts [PROXIES] [FILTERS]`. The fleet is made up; the server, its HTTP and its pages are the product's.
 * Prints the milliseconds and compressed bytes of each page, how long the event loop was away at most, and the memory of 100 open pages.
 */
import { get } from "node:http";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { createHub, type ProxyHead, type ProxyView, type Views } from "../hub/index.ts";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { silentLog } from "../model/log.ts";
import { median } from "./processes.ts";

const [proxies = 10_000, filters = 50] = process.argv.slice(2).map(Number);
const ROUNDS = 10;
const PAGES = 100;

const digest = (index: number) => `sha256:${index.toString(16).padStart(64, "0")}` as const;
const time = (index: number) => new Date(Date.UTC(2026, 0, 1) + index * 60_000).toISOString();

const kept = Array.from({ length: filters }, (_, index) => filterAt(index));
/** As a fleet has them: what a proxy is told is the same for all of its kind. */
const views = Array.from({ length: filters }, (_, index) => ({
  namespace: `team-${index % 10}`,
  name: `filter-${index}`,
  revision: 3,
  digest: digest(index),
  wasmDigest: digest(index + 1_000),
  state: "updated" as const,
  message: "",
}));

function filterAt(index: number): WasmFilter {
  const history = [3, 2, 1].map((revision) => ({
    revision,
    digest: digest(index + revision - 3),
    wasmDigest: digest(index + 1_000),
    image: `registry.example/filters/filter-${index}:1.${revision}`,
    time: time(index + revision),
    result: revision === 3 ? ("Succeeded" as const) : ("Superseded" as const),
  }));
  return {
    apiVersion: "weir.dev/v1alpha1",
    kind: "WasmFilter",
    metadata: {
      namespace: `team-${index % 10}`,
      name: `filter-${index}`,
      labels: { kind: `kind-${index % 7}` },
      creationTimestamp: time(index),
    },
    spec: { image: `registry.example/filters/filter-${index}:1.3` },
    status: {
      digest: digest(index),
      wasmDigest: digest(index + 1_000),
      revision: 3,
      stableRevision: 3,
      proxies: { matched: proxies, updated: proxies - 5, rejected: 0, pending: 5 },
      rollout: { state: "Succeeded", startTime: time(index) },
      history,
      conditions: [{ type: "Ready", status: "True", reason: "Ready", message: "", lastTransitionTime: time(index) }],
    },
  };
}

function proxyAt(index: number): ProxyView {
  const astray = index % 400 === 0;
  return {
    id: `web-${index.toString(16)}-x2k8p`,
    namespace: `team-${index % 10}`,
    labels: { app: `app-${index % 40}` },
    connected: index % 1_000 !== 7,
    slots: [
      {
        name: "default",
        filters: views.map((view, at) =>
          astray && at === 0 ? { ...view, state: "pending", message: "waits for revision 3" } : { ...view },
        ),
      },
    ],
  };
}

function* eachProxy(asked: Iterable<ProxyHead> = heads): Generator<ProxyView> {
  for (const { id } of asked) yield proxyAt(Number.parseInt(id.split("-")[1] ?? "", 16));
}

const heads: readonly ProxyHead[] = Array.from({ length: proxies }, (_, index) => {
  const { id, namespace, labels, connected } = proxyAt(index);
  return { id, namespace, labels, connected };
});

const fleet: Views = {
  filters: () => kept,
  policies: () => ({ ok: true, value: [] }),
  revisions: () => [],
  proxyHeads: () => heads,
  eachProxy,
  proxy: () => proxyAt(0),
  waveCount: () => undefined,
  waves: async () => [],
  metrics: async () => "",
  ready: () => true,
  onEvent: () => () => {},
  onChange: () => () => {},
};

const hub = createHub({ views: fleet, log: silentLog, events: { maxClients: PAGES } });
const bound = await hub.listen();
if (!bound.ok) throw new Error(bound.error.message);
const { port } = bound.value;

/** Asks for a path, and gives the bytes of its answer. */
function ask(path: string, encoding = "br"): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, headers: { "accept-encoding": encoding } }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on("end", () => resolve(bytes));
    }).on("error", reject);
  });
}

const API = [
  "/api/v1/proxies?limit=500",
  "/api/v1/proxies?limit=500&filter=team-0/filter-0&state=pending",
  "/api/v1/fleet",
  "/api/v1/fleet?groupBy=namespace,filter,digest",
  "/api/v1/filters?limit=500",
];

console.log(`${proxies} proxies, ${filters} filters on each`);
for (const path of proxies * filters > 100_000 ? API : ["/api/v1/proxies", ...API]) {
  const sizes = [];
  for (const encoding of ["identity", "gzip", "br"]) sizes.push(`${((await ask(path, encoding)) / 1024).toFixed(1)} KB ${encoding}`);
  console.log(`${path}: ${sizes.join(", ")}`);
}
const loop = monitorEventLoopDelay({ resolution: 1 });
for (const path of [
  "/",
  "/filters",
  "/filters/team-0/filter-0",
  "/fleet",
  "/compare",
  "/compare?a=here/team-0&b=here/team-1",
  "/history",
  ...API,
]) {
  await ask(path);
  const times: number[] = [];
  let bytes = 0;
  const cpu = process.cpuUsage();
  loop.reset();
  loop.enable();
  for (let round = 0; round < ROUNDS; round++) {
    // Each time the fleet is looked at anew.
    await sleep(1_100);
    const began = performance.now();
    bytes = await ask(path);
    times.push(performance.now() - began);
  }
  loop.disable();
  const { user, system } = process.cpuUsage(cpu);
  console.log(
    `${path.padEnd(64)} ${median(times).toFixed(1).padStart(7)} ms (at most ${Math.max(...times).toFixed(1)}), ${(bytes / 1024).toFixed(1)} KB, ${((user + system) / 1_000 / ROUNDS).toFixed(0)} ms of CPU; the event loop was away for ${(loop.max / 1e6).toFixed(1)} ms at most`,
  );
}
globalThis.gc?.();
const before = process.memoryUsage().rss;
const streams = await Promise.all(
  Array.from(
    { length: PAGES },
    () =>
      new Promise<() => void>((resolve) => {
        const call = get({ host: "127.0.0.1", port, path: "/api/v1/events", agent: false }, (response) => {
          response.resume();
          resolve(() => call.destroy());
        });
        call.on("error", () => {});
      }),
  ),
);
await Promise.all(Array.from({ length: PAGES }, () => ask("/fleet")));
globalThis.gc?.();
console.log(
  `${PAGES} open pages: ${((process.memoryUsage().rss - before) / 1024 / 1024).toFixed(1)} MiB more (this process has both ends)`,
);
for (const close of streams) close();
await hub.close();
