/**
 * Weir's xDS server as the benchmarks drive it: `node bench/weir-server.ts SIZE [HOST:PORT]`. It speaks as bench/gcp does: lines of JSON on standard
 * output, the word `change` on standard input. All of the product is in the path: proxies connect, the fleet shows them, chains are assigned.
 */
import { createInterface } from "node:readline";
import { systemClock } from "../model/clock.ts";
import type { ChainEntry } from "../model/delivery.ts";
import type { Digest } from "../model/digest.ts";
import { silentLog } from "../model/log.ts";
import type { ModuleBytes } from "../model/module.ts";
import { DEFAULT_SETTINGS } from "../model/settings.ts";
import { createXdsServer } from "../xds/index.ts";

const [size = "1024", address = "127.0.0.1:0"] = process.argv.slice(2);

/** The digest of a revision's module; none is looked at. */
function digestOf(revision: number): Digest {
  return `sha256:${String(revision).padStart(64, "0")}`;
}

/** The module of the newest revision, in memory as a module that was sent lately is. */
const modules: ModuleBytes = {
  peek: (wasmDigest) => (wasmDigest === newest.digest ? newest.code : undefined),
  load: async (wasmDigest) => (wasmDigest === newest.digest ? newest.code : undefined),
};

function moduleOf(revision: number): { readonly digest: Digest; readonly code: Uint8Array } {
  const code = Buffer.alloc(Number(size));
  code.write(`revision ${revision}`);
  return { digest: digestOf(revision), code };
}

function chainOf(revision: number): readonly ChainEntry[] {
  return [
    {
      filter: { namespace: "bench", name: "filter" },
      type: "HTTP",
      revision,
      digest: digestOf(revision),
      wasmDigest: digestOf(revision),
      hash: `revision ${revision}`,
      settings: DEFAULT_SETTINGS,
      capabilities: [],
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

const server = createXdsServer({ address, log: silentLog, clock: systemClock, modules });
const { fleet } = server;
const seen = new Set<string>();
let revision = 0;
let newest = moduleOf(revision);
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
  newest = moduleOf(revision);
  slots = new Map([["default", chainOf(revision)]]);
  for (const id of seen) fleet.assign(id, slots);
  setImmediate(emit, { event: "changed", revision, at });
}
process.exit(0);
