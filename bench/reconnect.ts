/**
 * The server dies with N proxies connected, another comes up in its place: `node bench/reconnect.ts [--clients 1000] [--size 65536] [--runs 5] [--extensions 0,516]`.
 * Measures until every proxy's subscription was taken in, what was sent again, and the CPU it took. Writes bench/results/reconnect.json.
 */
import { parseArgs } from "node:util";
import { reservePort } from "../test/support/ports.ts";
import {
  buildGo,
  median,
  numbers,
  type Part,
  type ServerName,
  serverNames,
  start,
  startServer,
  takeTurns,
  usage,
  writeResults,
} from "./processes.ts";

export interface ReconnectRun {
  readonly server: ServerName;
  readonly variant: string;
  readonly clients: number;
  readonly size: number;
  /** What each client lists in its node message: an Envoy 1.40 lists 516. */
  readonly extensions: number;
  /** Milliseconds from the new server's first moment to the last subscription. */
  readonly last: number;
  /** Of the new server, microseconds for each stream, start-up left out. */
  readonly cpuPerStream: number;
  readonly loadCpuPerStream: number;
  /** Sent again, in bytes of responses. */
  readonly resent: number;
}

async function totals(load: Part): Promise<number> {
  load.say("totals");
  return Number((await load.wait("totals")).bytes);
}

async function run(
  go: string,
  name: ServerName,
  variant: string,
  clients: number,
  size: number,
  extensions: number,
): Promise<ReconnectRun> {
  const address = `127.0.0.1:${await reservePort()}`;
  const before = startServer(name, go, size, address);
  await before.wait("listening");
  const flags = ["-address", address, "-clients", String(clients), "-variant", variant, "-extensions", String(extensions)];
  const load = start(go, ["load", ...flags]);
  await load.wait("synced");
  const had = await totals(load);
  await before.kill();
  const after = startServer(name, go, size, address);
  const began = Number((await after.wait("listening")).at);
  const fresh = await usage(after.pid);
  const loadFresh = await usage(load.pid);
  const done = await after.wait("subscribed", ({ count }) => Number(count) === clients);
  // Lets the work that the subscriptions cause end.
  await new Promise((settled) => setTimeout(settled, 1_000));
  const settled = await usage(after.pid);
  const loadSettled = await usage(load.pid);
  const resent = (await totals(load)) - had;
  // Every proxy is connected and gets the next change.
  after.say("change");
  await after.wait("changed");
  await load.wait("synced");
  await Promise.all([after.kill(), load.kill()]);
  return {
    server: name,
    variant,
    clients,
    size,
    extensions,
    resent,
    last: (Number(done.at) - began) / 1e6,
    cpuPerStream: ((settled.cpuMs - fresh.cpuMs) * 1000) / clients,
    loadCpuPerStream: ((loadSettled.cpuMs - loadFresh.cpuMs) * 1000) / clients,
  };
}

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "1000" },
    size: { type: "string", default: "65536" },
    runs: { type: "string", default: "5" },
    extensions: { type: "string", default: "0,516" },
    variants: { type: "string", default: "delta,sotw" },
    servers: { type: "string", default: serverNames.join(",") },
    out: { type: "string", default: "reconnect" },
  },
});
const go = await buildGo();
const clients = Number(values.clients);
const servers = serverNames.filter((name) => values.servers.split(",").includes(name));
const runs: ReconnectRun[] = [];
for (const variant of values.variants.split(",")) {
  for (const extensions of numbers(values.extensions)) {
    await takeTurns(Number(values.runs), servers, async (name) => {
      runs.push(await run(go, name, variant, clients, Number(values.size), extensions));
    });
    for (const name of servers) {
      const of = runs.filter((each) => each.server === name && each.variant === variant && each.extensions === extensions);
      const at = (pick: (run: ReconnectRun) => number) => median(of.map(pick)).toFixed(1).padStart(9);
      console.log(
        `${variant.padEnd(5)} ${clients} clients with ${extensions} extensions ${name.padEnd(9)} last ${at((r) => r.last)} ms`,
        `cpu ${at((r) => r.cpuPerStream)} us/stream  load ${at((r) => r.loadCpuPerStream)} us/stream  resent ${at((r) => r.resent / 1024)} KB`,
      );
    }
  }
}
await writeResults(values.out, runs);
