/**
 * What a change costs each of three replicas: `npm run bench:replicas -- [--fleets 1000,3000,10000] [--filters 1,10,100] [--runs 5]`. Real `weir serve` on a real API
 * server, which reach it and each other through relays that count (test/support/scale); the proxies are light clients, each with a delta stream on a connection of its own.
 * The fleet grows under the same servers, so each figure stands beside those of the smaller fleets. Keeps bench/results/replicas-DATE-COMMIT.json.
 */
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { commitNow } from "../scripts/tests/commit.ts";
import { type Bill, beyond, middle, perSecond } from "../test/support/scale/bill.ts";
import { type ScaleScene, startScaleScene, type Which } from "../test/support/scale/scale-scene.ts";
import { numbers, writeResults } from "./processes.ts";

interface Row {
  readonly proxies: number;
  /** How many filters changed that ten proxies have each, or the one that all have. `grown`: proxies came, since the row before; `nothing`: a second without a change; `reports`: one in which all send their counters. */
  readonly changed: Which | "grown" | "nothing" | "reports";
  /** Of a change: what it took beyond what nothing would have; the medians of its runs. */
  readonly bill: Bill;
}

const WARM_UP = 4;
/** Of one look at what nothing costs, and how many looks: a collector or a compiler that is late is in some of them. */
const REST_MS = 2_000;
const RESTS = 7;
/** Where a replica lost another meanwhile it is asked again, so often at most. */
const TRIES = 3;

async function undisturbed(ask: () => Promise<Bill>): Promise<Bill> {
  for (let left = TRIES; ; left--) {
    const bill = await ask();
    if (!bill.isDisturbed || left === 0) return bill;
    console.error("a replica lost another meanwhile; measured again");
  }
}

async function atRest(scene: ScaleScene, reports: boolean): Promise<Bill> {
  const bills: Bill[] = [];
  for (let run = 0; run < RESTS; run++) bills.push(perSecond(await undisturbed(() => scene.rest(REST_MS, reports))));
  return middle(bills);
}

async function measure(scene: ScaleScene, proxies: number, changes: readonly Which[], runs: number): Promise<Row[]> {
  const began = performance.now();
  const grown = await scene.grow(proxies);
  console.error(`${proxies} proxies have their filters after ${((performance.now() - began) / 1_000).toFixed(0)} s`);
  for (let run = 0; run < WARM_UP; run++) await scene.change(10);
  const rest = await atRest(scene, false);
  const rows: Row[] = [
    { proxies, changed: "grown", bill: grown },
    { proxies, changed: "nothing", bill: rest },
  ];
  for (const changed of changes) {
    const bills: Bill[] = [];
    for (let run = 0; run < runs; run++) bills.push(beyond(await undisturbed(() => scene.change(changed)), rest));
    rows.push({ proxies, changed, bill: middle(bills) });
  }
  return rows;
}

const kilobytes = (bytes: number) => `${(bytes / 1_000).toFixed(1)} KB`;
const cpu = (ms: number) => `${ms.toFixed(1)} ms`;

/** What is told of each kind of replica. */
const COLUMNS: readonly { readonly title: string; readonly of: (bill: Bill) => number; readonly text: (value: number) => string }[] = [
  { title: "leader's CPU", of: ({ leader }) => leader.cpuMs, text: cpu },
  { title: "a follower's", of: ({ follower }) => follower.cpuMs, text: cpu },
  { title: "memory of a follower", of: ({ follower }) => follower.memory, text: (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MB` },
  { title: "a follower to the others", of: ({ follower }) => follower.toPeers, text: kilobytes },
  { title: "to the proxies of one", of: ({ follower }) => follower.toProxies, text: kilobytes },
  { title: "leader to API server", of: ({ leader }) => leader.toApi, text: kilobytes },
  { title: "and back", of: ({ leader }) => leader.fromApi, text: kilobytes },
  { title: "API server to a follower", of: ({ follower }) => follower.fromApi, text: kilobytes },
  { title: "statuses", of: ({ writes }) => writes, text: String },
];

const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

function table(rows: readonly Row[]): string {
  const titles = ["changed", "proxies", ...COLUMNS.map(({ title }) => title)];
  const body = rows.map(({ proxies, changed, bill }) =>
    line([String(changed), proxies.toLocaleString("en"), ...COLUMNS.map(({ of, text }) => text(of(bill)))]),
  );
  return [line(titles), line(titles.map(() => "---")), ...body].join("\n");
}

/** Each figure as a multiple of that of the first row. */
function ratios(title: string, rows: readonly Row[], name: (row: Row) => string): string {
  const [first] = rows;
  if (first === undefined) return "";
  const times = (row: Row) => COLUMNS.map(({ of }) => (of(row.bill) / of(first.bill)).toFixed(2));
  return [line([title, ...COLUMNS.map((column) => column.title)]), line(["", ...COLUMNS].map(() => "---"))]
    .concat(rows.map((row) => line([name(row), ...times(row)])))
    .join("\n");
}

const { values } = parseArgs({
  options: {
    fleets: { type: "string", default: "1000,3000,10000" },
    filters: { type: "string", default: "1,10,100" },
    runs: { type: "string", default: "5" },
  },
});
const fleets = numbers(values.fleets);
const changes: readonly Which[] = [...numbers(values.filters), "everyone"];
const scene = await startScaleScene();
const rows: Row[] = [];
const [commit, date] = [await commitNow(), new Date().toISOString().slice(0, 10)];
const machine = `${cpus().length} cores, ${process.platform} ${process.arch}`;
/** After each fleet: a larger one may not end on a busy machine. */
const keep = () =>
  writeResults(`replicas-${date}-${commit.replace("+", "-changed")}`, [
    { date, commit, machine, node: process.version, load: loadavg()[0] },
    ...rows,
  ]);
for (const proxies of fleets) {
  const measured = await measure(scene, proxies, changes, Number(values.runs));
  console.log(`${table(measured)}\n`);
  rows.push(...measured);
  await keep();
}
// Last: a proxy that reported once and does so no more counts as one that hangs.
const reporting = rows.findLast(({ changed }) => changed === "nothing");
if (reporting !== undefined) {
  const row: Row = { ...reporting, changed: "reports", bill: beyond(await atRest(scene, true), reporting.bill) };
  console.log(`${table([row])}\n`);
  rows.push(row);
}
const byChange = changes.map((changed) => rows.filter((row) => row.changed === changed));
for (const of of byChange)
  console.log(`${ratios(`${of[0]?.changed} changed`, of, ({ proxies }) => `${proxies.toLocaleString("en")} proxies`)}\n`);
for (const proxies of fleets) {
  const of = rows.filter((row) => row.proxies === proxies && typeof row.changed === "number");
  console.log(`${ratios(`${proxies.toLocaleString("en")} proxies`, of, ({ changed }) => `${changed} changed`)}\n`);
}
await keep();
await scene.stop();
process.exit(0);
