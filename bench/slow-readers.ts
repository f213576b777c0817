/**
 * Some proxies read nothing, some reject everything: do the others notice? `node bench/slow-readers.ts [--clients 1000] [--size 65536] [--slow 50] [--rejecters 10] [--runs 5]`.
 * Each server is measured with and without them, in turn. Writes bench/results/slow-readers.json.
 */
import { parseArgs } from "node:util";
import { buildGo, median, type ServerName, serverNames, start, startServer, takeTurns, usage, writeResults } from "./processes.ts";
import { type Column, megabytes, milliseconds, tableHead, tableRows } from "./table.ts";

export interface SlowReadersRun {
  readonly server: ServerName;
  readonly clients: number;
  readonly size: number;
  readonly slow: number;
  readonly rejecters: number;
  /** Milliseconds until the others had the change: half, 99%, all of them. */
  readonly p50: number;
  readonly p99: number;
  readonly last: number;
  /** Responses sent for each change and rejecter. One is right. */
  readonly responsesPerRejecter: number;
  /** Of the server, bytes, after the changes. */
  readonly rss: number;
}

const CHANGES = 5;
const WARM_UP = 3;

async function run(go: string, name: ServerName, clients: number, size: number, slow: number, rejecters: number): Promise<SlowReadersRun> {
  const server = startServer(name, go, size);
  const { port } = await server.wait("listening");
  const who = ["-clients", String(clients), "-slow", String(slow), "-rejecters", String(rejecters)];
  const load = start(go, ["load", "-address", `127.0.0.1:${port}`, "-variant", "delta", ...who]);
  await load.wait("synced");
  await server.wait("subscribed", ({ count }) => Number(count) === clients);
  const rejections = async () => {
    load.say("totals");
    return Number((await load.wait("totals")).rejections);
  };
  const times: { p50: number; p99: number; last: number }[] = [];
  const before = await rejections();
  for (let change = 0; change < WARM_UP + CHANGES; change++) {
    server.say("change");
    const at = Number((await server.wait("changed")).at);
    const synced = await load.wait("synced");
    const since = (quantile: string) => (Number(synced[quantile]) - at) / 1e6;
    if (change >= WARM_UP) times.push({ p50: since("p50"), p99: since("p99"), last: since("last") });
    await new Promise((done) => setTimeout(done, 200));
  }
  const rejected = (await rejections()) - before;
  const { rss } = await usage(server.pid);
  await Promise.all([server.kill(), load.kill()]);
  return {
    server: name,
    clients,
    size,
    slow,
    rejecters,
    rss,
    p50: median(times.map(({ p50 }) => p50)),
    p99: median(times.map(({ p99 }) => p99)),
    last: median(times.map(({ last }) => last)),
    responsesPerRejecter: rejecters === 0 ? 0 : rejected / rejecters / (WARM_UP + CHANGES),
  };
}

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "1000" },
    size: { type: "string", default: "65536" },
    slow: { type: "string" },
    rejecters: { type: "string" },
    runs: { type: "string", default: "5" },
    out: { type: "string", default: "slow-readers" },
  },
});
const columns: readonly Column<SlowReadersRun>[] = [
  { title: "p50", of: ({ p50 }) => p50, text: milliseconds },
  { title: "p99", of: ({ p99 }) => p99, text: milliseconds },
  { title: "last", of: ({ last }) => last, text: milliseconds },
  {
    title: "responses a change and rejecter",
    of: ({ responsesPerRejecter }) => responsesPerRejecter,
    text: (count) => count.toFixed(1),
  },
  { title: "server memory", of: ({ rss }) => rss, text: megabytes },
];
const go = await buildGo();
const clients = Number(values.clients);
const troubled = [
  { slow: 0, rejecters: 0 },
  { slow: Number(values.slow ?? Math.round(clients * 0.05)), rejecters: Number(values.rejecters ?? Math.round(clients * 0.01)) },
];
const runs: SlowReadersRun[] = [];
await takeTurns(Number(values.runs), serverNames, async (name) => {
  for (const { slow, rejecters } of troubled) runs.push(await run(go, name, clients, Number(values.size), slow, rejecters));
});
console.log(tableHead([`${values.size} B, ${clients} clients`, ""], columns));
for (const { slow, rejecters } of troubled) {
  const of = runs.filter((each) => each.slow === slow && each.rejecters === rejecters);
  console.log(tableRows(slow + rejecters === 0 ? "all well" : `${slow} read nothing, ${rejecters} reject`, of, columns));
}
await writeResults(values.out, runs);
