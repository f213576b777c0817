/**
 * Weir's xDS server as the benchmarks drive it: `node bench/weir-server.ts SIZE [HOST:PORT]`. It speaks as bench/gcp does: lines of JSON on standard
 * output, the word `change` on standard input. All of the product is in the path: proxies connect, the fleet shows them, chains are assigned.
 */
import { createInterface } from "node:readline";
import { systemClock } from "../model/clock.ts";
import type { ChainEntry } from "../model/delivery.ts";
import { silentLog } from "../model/log.ts";
import { DEFAULT_SETTINGS } from "../model/revision.ts";
import { createXdsServer } from "../xds/index.ts";

const [size = "1024", address = "127.0.0.1:0"] = process.argv.slice(2);
const digest = `sha256:${"0".repeat(64)}` as const;

function chainOf(revision: number): readonly ChainEntry[] {
  const code = Buffer.alloc(Number(size));
  code.write(`revision ${revision}`);
  return [
    {
      filter: { namespace: "bench", name: "filter" },
      type: "HTTP",
      revision,
      digest,
      wasmDigest: digest,
      hash: `revision ${revision}`,
      settings: DEFAULT_SETTINGS,
      capabilities: [],
      code,
    },
  ];
}

function emit(event: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** Nanoseconds since the epoch, to the precision that a JSON number has for them. */
function now(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1e6);
}

const server = createXdsServer({ address, log: silentLog, clock: systemClock });
const { fleet } = server;
const seen = new Set<string>();
let revision = 0;
let slots = new Map([["default", chainOf(revision)]]);

fleet.onChange((ids) => {
  for (const id of ids) {
    if (seen.has(id) || !fleet.proxy(id)?.slots.has("default")) continue;
    seen.add(id);
    fleet.assign(id, slots);
    if (seen.size % 100 === 0) emit({ event: "subscribed", count: seen.size, at: now() });
  }
});

const { port } = await server.listen();
emit({ event: "listening", port, at: now() });

for await (const word of createInterface({ input: process.stdin })) {
  if (word !== "change") throw new Error(`no word ${word}`);
  revision += 1;
  const at = now();
  slots = new Map([["default", chainOf(revision)]]);
  for (const id of seen) fleet.assign(id, slots);
  setImmediate(emit, { event: "changed", revision, at });
}
process.exit(0);
