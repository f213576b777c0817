/**
 * A fleet in memory, 10,000 proxies with ten of 1,000 filters each, no sockets: one filter changes. `node bench/model-scale.ts`.
 * What it takes to say what everybody is to hold and to hand the bytes out must follow the proxies concerned, not fleet times filters.
 * Writes bench/results/model-scale.json.
 */
import { parseArgs } from "node:util";
import { systemClock } from "../model/clock.ts";
import type { Chain, ChainEntry } from "../model/delivery.ts";
import { createCache } from "../xds/cache.ts";
import { createDiscovery } from "../xds/discovery.ts";
import { createFleet } from "../xds/fleet.ts";
import { DeltaDiscoveryRequest } from "../xds/gen/envoy/service/discovery/v3/discovery.ts";
import { typeUrls } from "../xds/resource.ts";
import type { XdsStream } from "../xds/stream.ts";
import { median, writeResults } from "./processes.ts";

const { values } = parseArgs({
  options: {
    proxies: { type: "string", default: "10000" },
    filters: { type: "string", default: "1000" },
    chain: { type: "string", default: "10" },
    runs: { type: "string", default: "5" },
    out: { type: "string", default: "model-scale" },
  },
});
const PROXIES = Number(values.proxies);
const FILTERS = Number(values.filters);
const CHAIN = Number(values.chain);
const digest = `sha256:${"0".repeat(64)}` as const;
const code = Buffer.alloc(1024);

function entryOf(filter: number, revision: number): ChainEntry {
  const settings = {
    slot: "default",
    priority: 0,
    config: "",
    rootId: "",
    failurePolicy: "Reload",
    env: [],
    capabilities: undefined,
  } as const;
  const key = { namespace: "bench", name: `filter-${filter}` };
  const common = { filter: key, type: "HTTP", revision, digest, wasmDigest: digest, capabilities: [], code } as const;
  return { ...common, hash: `${filter}@${revision}`, settings: { ...settings, type: "HTTP" } };
}

const cache = createCache();
const { fleet, observer, encoded } = createFleet({ cache, clock: systemClock });
const discovery = createDiscovery(cache, observer, { names: 10_000, types: 32 });
let frames = 0;
let bytes = 0;

/** Acknowledges what it is sent, in a later turn. */
function connect(id: string): void {
  const subscribe = { node: { id }, typeUrl: typeUrls.extensionConfig, resourceNamesSubscribe: ["weir/default"] };
  const stream: XdsStream = discovery.open("delta", undefined, {
    send(frame) {
      frames += 1;
      bytes += frame.byteLength;
      const nonce = nonceOf(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength));
      setImmediate(() =>
        stream.receive(DeltaDiscoveryRequest.encode({ typeUrl: typeUrls.extensionConfig, responseNonce: nonce }).finish()),
      );
      return true;
    },
    fail(_code, message) {
      throw new Error(message);
    },
  });
  stream.receive(DeltaDiscoveryRequest.encode(subscribe).finish());
}

/** The nonce (field 5) is among the first fields of a response; the resource is the last. */
function nonceOf(frame: Buffer): string {
  for (let at = 5; at < frame.length; ) {
    const [field, length] = [(frame[at] ?? 0) >> 3, frame[at + 1] ?? 0];
    if (field === 5) return frame.toString("latin1", at + 2, at + 2 + length);
    at += 2 + length;
  }
  throw new Error("a response without a nonce");
}

/** Resolves when nothing is left to do. */
async function quiet(): Promise<void> {
  let last = -1;
  while (last !== frames) {
    last = frames;
    for (let turn = 0; turn < 20; turn++) await new Promise((done) => setImmediate(done));
  }
}

/** Which filters each group of proxies holds: groups share a chain. The first filter is the one that changes, held by `concerned` proxies. */
function chainsFor(concerned: number, revision: number): Map<string, ReadonlyMap<string, Chain>> {
  const entries = Array.from({ length: FILTERS }, (_, filter) => entryOf(filter, filter === 0 ? revision : 1));
  const desired = new Map<string, ReadonlyMap<string, Chain>>();
  const groups = new Map<string, ReadonlyMap<string, Chain>>();
  for (let proxy = 0; proxy < PROXIES; proxy++) {
    const group = proxy % 100;
    const key = `${group} ${proxy < concerned}`;
    const own = Array.from({ length: CHAIN - 1 }, (_, place) => entries[1 + ((group * (CHAIN - 1) + place) % (FILTERS - 1))]);
    const chain = [...(proxy < concerned ? [entries[0]] : []), ...own].filter((entry) => entry !== undefined);
    const slots = groups.get(key) ?? new Map([["default", chain]]);
    groups.set(key, slots);
    desired.set(`proxy-${proxy}`, slots);
  }
  return desired;
}

for (let proxy = 0; proxy < PROXIES; proxy++) connect(`proxy-${proxy}`);
await quiet();
const runs: unknown[] = [];
for (const concerned of [10, 100, 1_000, PROXIES]) {
  const times: { assign: number; push: number; nothing: number }[] = [];
  for (let turn = 0; turn <= Number(values.runs); turn++) {
    const before = chainsFor(concerned, 2 * turn);
    for (const [id, slots] of before) fleet.assign(id, slots);
    await quiet();
    const after = chainsFor(concerned, 2 * turn + 1);
    frames = 0;
    const began = performance.now();
    for (const [id, slots] of after) fleet.assign(id, slots);
    const assigned = performance.now();
    await quiet();
    const pushed = performance.now();
    if (frames !== concerned) throw new Error(`${frames} responses for ${concerned} proxies`);
    // The same once more, as an operator's loop says it: nothing may come of it.
    for (const [id, slots] of chainsFor(concerned, 2 * turn + 1)) fleet.assign(id, slots);
    const nothingFrom = performance.now();
    for (const [id, slots] of after) fleet.assign(id, slots);
    const nothing = performance.now() - nothingFrom;
    await quiet();
    if (frames !== concerned) throw new Error("an assignment of the same led to a response");
    if (turn > 0) times.push({ assign: assigned - began, push: pushed - assigned, nothing });
  }
  const of = (pick: (time: { assign: number; push: number; nothing: number }) => number) => median(times.map(pick));
  const { rss } = process.memoryUsage();
  runs.push({
    proxies: PROXIES,
    filters: FILTERS,
    concerned,
    assignMs: of((t) => t.assign),
    pushMs: of((t) => t.push),
    nothingMs: of((t) => t.nothing),
    encoded: encoded(),
    rss,
    times,
  });
  console.log(
    `${PROXIES} proxies, ${FILTERS} filters, ${String(concerned).padStart(5)} concerned: assign all ${of((t) => t.assign).toFixed(1)} ms, push and acknowledge ${of((t) => t.push).toFixed(1)} ms,`,
    `assign the same again ${of((t) => t.nothing).toFixed(1)} ms, ${encoded()} resources encoded, ${(rss / 1048576).toFixed(0)} MB`,
  );
}
if (bytes === 0) throw new Error("nothing was sent");
await writeResults(values.out, runs);
process.exit(0);
