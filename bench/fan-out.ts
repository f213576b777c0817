/**
 * One resource changes, N proxies take it: `node bench/fan-out.ts [--sizes 1024,65536,2411724] [--clients N,N] [--runs 5]`.
 * The servers take turns, and each run starts with another of them. Writes bench/results/fan-out.json and prints the medians as a table in Markdown.
 */
import { parseArgs } from "node:util";
import { buildGo, median, numbers, type ServerName, serverNames, start, startServer, takeTurns, usage, writeResults } from "./processes.ts";
import { type Column, megabytes, milliseconds, tableHead, tableRows, whole } from "./table.ts";

export interface FanOutRun {
  readonly server: ServerName;
  readonly variant: string;
  readonly clients: number;
  readonly size: number;
  /** Milliseconds from the change to the acknowledgement of the median, of 99%, of the last. */
  readonly p50: number;
  readonly p99: number;
  readonly last: number;
  /** Of the server, microseconds for each stream and change. */
  readonly cpuPerStream: number;
  /** Of the load, microseconds for each stream and change. */
  readonly loadCpuPerStream: number;
  /** Of the server with everybody connected, bytes for each stream. */
  readonly rssPerStream: number;
  /** Of the server after the changes, bytes. */
  readonly peak: number;
}

/** Changes measured in each run. */
const CHANGES = 5;

async function run(go: string, name: ServerName, variant: string, clients: number, size: number, pushes: number): Promise<FanOutRun> {
  const server = startServer(name, go, size);
  const { port } = await server.wait("listening");
  const idle = await usage(server.pid);
  const load = start(go, ["load", "-address", `127.0.0.1:${port}`, "-clients", String(clients), "-variant", variant]);
  await load.wait("synced");
  const connected = await usage(server.pid);
  const times: { p50: number; p99: number; last: number }[] = [];
  let before = connected;
  let loadBefore = await usage(load.pid);
  const warmUp = Math.ceil(pushes / clients);
  for (let change = 0; change < warmUp + CHANGES; change++) {
    if (change === warmUp) {
      before = await usage(server.pid);
      loadBefore = await usage(load.pid);
    }
    server.say("change");
    const at = Number((await server.wait("changed")).at);
    const synced = await load.wait("synced");
    const since = (quantile: string) => (Number(synced[quantile]) - at) / 1e6;
    if (change >= warmUp) times.push({ p50: since("p50"), p99: since("p99"), last: since("last") });
    // The last acknowledgements are still on their way to the server.
    await new Promise((done) => setTimeout(done, 50));
  }
  const after = await usage(server.pid);
  const loadAfter = await usage(load.pid);
  await Promise.all([server.kill(), load.kill()]);
  const perStream = (cpuMs: number) => (cpuMs * 1000) / clients / CHANGES;
  return {
    server: name,
    variant,
    clients,
    size,
    p50: median(times.map(({ p50 }) => p50)),
    p99: median(times.map(({ p99 }) => p99)),
    last: median(times.map(({ last }) => last)),
    cpuPerStream: perStream(after.cpuMs - before.cpuMs),
    loadCpuPerStream: perStream(loadAfter.cpuMs - loadBefore.cpuMs),
    rssPerStream: (connected.rss - idle.rss) / clients,
    peak: after.peak,
  };
}

/** What is measured of each size, and the pushes that each server has behind it before that: all of them are programs that run for long. */
const plan = [
  { size: 1024, fleets: [100, 1000, 4000], warmUp: 20_000 },
  { size: 65_536, fleets: [100, 1000, 4000], warmUp: 6_000 },
  { size: 2_411_724, fleets: [100, 200], warmUp: 600 },
];
const { values } = parseArgs({
  options: {
    sizes: { type: "string", default: plan.map(({ size }) => size).join(",") },
    clients: { type: "string" },
    runs: { type: "string", default: "5" },
    variant: { type: "string", default: "delta" },
    out: { type: "string", default: "fan-out" },
  },
});
const columns: readonly Column<FanOutRun>[] = [
  { title: "p50", of: ({ p50 }) => p50, text: milliseconds },
  { title: "p99", of: ({ p99 }) => p99, text: milliseconds },
  { title: "last ACK", of: ({ last }) => last, text: milliseconds },
  { title: "CPU", of: ({ cpuPerStream }) => cpuPerStream, text: whole },
  { title: "load's CPU", of: ({ loadCpuPerStream }) => loadCpuPerStream, text: whole },
  { title: "memory a stream", of: ({ rssPerStream }) => rssPerStream, text: (bytes) => `${whole(bytes / 1024)} KB` },
  { title: "at its peak", of: ({ peak }) => peak, text: megabytes },
];
const sizeText = (size: number) => (size < 1_000_000 ? `${size / 1024} KB` : `${(size / 1e6).toFixed(1)} MB`);
const go = await buildGo();
console.log(tableHead(["", ""], columns));
const runs: FanOutRun[] = [];
for (const { size, fleets, warmUp } of plan.filter(({ size }) => numbers(values.sizes).includes(size))) {
  for (const clients of values.clients === undefined ? fleets : numbers(values.clients)) {
    await takeTurns(Number(values.runs), serverNames, async (name) => {
      runs.push(await run(go, name, values.variant, clients, size, warmUp));
    });
    const of = runs.filter((each) => each.clients === clients && each.size === size);
    console.log(tableRows(`${sizeText(size)} to ${clients.toLocaleString("en")}`, of, columns));
  }
}
await writeResults(values.out, runs);
