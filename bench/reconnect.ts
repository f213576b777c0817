/**
 * The server dies with N proxies connected, another comes up in its place: `node bench/reconnect.ts [--clients 1000] [--size 65536] [--runs 5] [--extensions 0,516]`.
 * Measures until every proxy's subscription was taken in, what was sent again, and the CPU it took. Writes bench/results/reconnect.json.
 */
import { parseArgs } from "node:util";
import { reservePort } from "../test/support/ports.ts";
import {
  buildGo,
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
import { type Column, milliseconds, tableHead, tableRows, whole } from "./table.ts";

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
const columns: readonly Column<ReconnectRun>[] = [
  { title: "last subscription", of: ({ last }) => last, text: milliseconds },
  { title: "CPU a stream", of: ({ cpuPerStream }) => cpuPerStream, text: whole },
  { title: "load's CPU", of: ({ loadCpuPerStream }) => loadCpuPerStream, text: whole },
  { title: "sent again", of: ({ resent }) => resent, text: (bytes) => `${(bytes / 1e6).toFixed(1)} MB` },
];
const go = await buildGo();
console.log(tableHead([`${values.size} B, ${values.clients} clients`, ""], columns));
const clients = Number(values.clients);
const servers = serverNames.filter((name) => values.servers.split(",").includes(name));
const runs: ReconnectRun[] = [];
for (const variant of values.variants.split(",")) {
  for (const extensions of numbers(values.extensions)) {
    await takeTurns(Number(values.runs), servers, async (name) => {
      runs.push(await run(go, name, variant, clients, Number(values.size), extensions));
    });
    const of = runs.filter((each) => each.variant === variant && each.extensions === extensions);
    const nodes = extensions === 0 ? "nodes of an id alone" : `nodes with ${extensions} extensions`;
    console.log(tableRows(`${variant === "sotw" ? "state of the world" : variant}, ${nodes}`, of, columns));
  }
}
await writeResults(values.out, runs);
