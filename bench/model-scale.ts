/**
 * One filter of a large fleet changes, all of it in memory: operator, rollout, status, and the xDS server with a stream for each proxy. Only
 * sockets, API server, registry and Envoy are left out. `node bench/model-scale.ts [--fleets 1000,10000] [--runs 5]`.
 *
 * A namespace has a hundred proxies and ten filters, so 10,000 proxies have 1,000 filters. The filter that changes concerns 10 proxies (by a label),
 * 100 (a namespace), a tenth of the fleet or all of it (the operator's own namespace). What it costs must follow that number, not the fleet.
 * Writes bench/results/model-scale.json.
 */
import { parseArgs } from "node:util";
import { createKeyring } from "../base/keyring.ts";
import { systemClock } from "../model/clock.ts";
import { silentLog } from "../model/log.ts";
import { ok } from "../model/result.ts";
import type { Preflight } from "../model/verdict.ts";
import { createOperator } from "../operator/index.ts";
import { createFakeRegistry } from "../operator/testing/fake-registry.ts";
import { createFakeSource, type FakeSource } from "../operator/testing/fake-source.ts";
import { median, writeResults } from "./processes.ts";
import { createSimulatedFleet, type SimulatedFleet } from "./simulated-fleet.ts";

/** One change of one filter. */
interface ScaleRun {
  readonly proxies: number;
  readonly filters: number;
  /** Which filter changed. */
  readonly filter: string;
  readonly concerned: number;
  /** Milliseconds from the change of the object until the last acknowledgement was taken in. */
  readonly acknowledgedMs: number;
  /** Milliseconds from the change until the status that was written says that all of them run it. */
  readonly statusMs: number;
  /** Milliseconds of CPU from the change until nothing was left to do. */
  readonly cpuMs: number;
}

interface Scene {
  readonly source: FakeSource;
  readonly proxies: SimulatedFleet;
  readonly size: number;
  /** Statuses written so far. */
  writes: number;
  /** When the last was written, by `performance.now()`. */
  writtenAt: number;
}

const IMAGE = "registry.example/filters/bench:1";
const UNWATCHED = { steps: [{ percent: 100 }] };
/** Bytes. Each chain that differs from the others is encoded with the modules in it. */
const MODULE_SIZE = 1_024;
/** The operator's own namespace, whose filters reach the proxies of every other. */
const OWN = "namespace-0";
const IN_NAMESPACE = 100;
const GROUPS = 10;
/** Nothing is left to do when nothing was written and sent for this long: more than the pace of status writes. */
const QUIET_MS = 600;

const everyone = {};
const group = (index: number) => ({ matchLabels: { group: `group-${index}` } });

/** The filters that change, one of each reach. */
const changing = [
  { name: "narrow-3", namespace: "namespace-1", selector: group(3), concerned: () => IN_NAMESPACE / GROUPS },
  { name: "wide-3", namespace: "namespace-1", selector: everyone, concerned: () => IN_NAMESPACE },
  { name: "narrow-3", namespace: OWN, selector: group(3), concerned: (size: number) => size / GROUPS },
  { name: "wide-3", namespace: OWN, selector: everyone, concerned: (size: number) => size },
] as const;

const preflight: Preflight = {
  async validate(code) {
    const measured = { size: code.length, compileMs: 1, startMs: 1, memoryPages: 1, abi: "0.2.1", effects: [] };
    return ok({ ...measured, imports: ["proxy_log"], exports: ["proxy_on_vm_start"] });
  },
};

async function startScene(size: number): Promise<Scene> {
  const source = createFakeSource();
  const proxies = createSimulatedFleet(Buffer.alloc(MODULE_SIZE, "x"));
  const registry = createFakeRegistry();
  registry.push(IMAGE, "x".repeat(MODULE_SIZE));
  const scene: Scene = { source, proxies, size, writes: 0, writtenAt: 0 };
  source.onStatus = () => {
    scene.writes++;
    scene.writtenAt = performance.now();
  };
  for (let n = 0; n < size / IN_NAMESPACE; n++) {
    const namespace = `namespace-${n}`;
    for (let index = 0; index < 5; index++) {
      source.apply(`wide-${index}`, { image: IMAGE, selector: everyone, rollout: UNWATCHED }, { namespace });
      source.apply(`narrow-${index}`, { image: IMAGE, selector: group(index), rollout: UNWATCHED }, { namespace });
    }
    for (let p = 0; p < IN_NAMESPACE; p++) {
      proxies.connect(`proxy-${n}-${p}`, namespace, { app: namespace, group: `group-${p % GROUPS}` });
    }
  }
  const parts = { source, fleet: proxies.fleet, registry, preflight, clock: systemClock, log: silentLog, ownNamespace: OWN };
  const operator = createOperator({
    ...parts,
    configJudge: { judge: async () => ok([]) },
    parseKeychain: () => ok(new Map()),
    verifier: { verify: async () => ok([]) },
    keys: createKeyring(Buffer.alloc(32)),
    random: Math.random,
    startupMs: 120_000,
  });
  const cpu = process.cpuUsage();
  const began = performance.now();
  await operator.start();
  const isReady = () => operator.filters().every(({ status }) => status?.rollout?.state === "Succeeded" && status.proxies?.pending === 0);
  do await quiet(scene);
  while (!isReady());
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (at: number) => `${((at - began) / 1_000).toFixed(1)} s`;
  console.log(
    `first rollout of ${size / GROUPS} filters to ${size} proxies: last acknowledgement after ${seconds(proxies.lastAt())},`,
    `last status after ${seconds(scene.writtenAt)}, ${proxies.responses()} responses, ${scene.writes} statuses, cpu ${((user + system) / 1e6).toFixed(1)} s`,
  );
  return scene;
}

async function quiet(scene: Scene): Promise<void> {
  for (;;) {
    const before = scene.writes + scene.proxies.responses();
    await new Promise((done) => setTimeout(done, QUIET_MS));
    if (before === scene.writes + scene.proxies.responses()) return;
  }
}

async function change(scene: Scene, turn: number, { name, namespace, selector, concerned }: (typeof changing)[number]): Promise<ScaleRun> {
  const { source, proxies, size } = scene;
  const [responses, acknowledged] = [proxies.responses(), proxies.acknowledged()];
  const cpu = process.cpuUsage();
  const began = performance.now();
  const done = new Promise<number>((resolve) => {
    source.onStatus = (filter, status) => {
      scene.writes++;
      const isDone = status.observedGeneration === turn && status.rollout?.state === "Succeeded";
      if (filter === `${namespace}/${name}` && isDone && status.proxies?.updated === concerned(size)) resolve(performance.now());
    };
  });
  source.apply(name, { image: IMAGE, selector, config: { turn }, rollout: UNWATCHED }, { namespace });
  const statusAt = await done;
  await quiet(scene);
  const { user, system } = process.cpuUsage(cpu);
  const sent = proxies.responses() - responses;
  if (sent !== concerned(size) || proxies.acknowledged() - acknowledged !== sent)
    throw new Error(`${sent} responses for ${concerned(size)} proxies`);
  return {
    proxies: size,
    filters: size / GROUPS,
    filter: `${namespace}/${name}`,
    concerned: concerned(size),
    acknowledgedMs: proxies.lastAt() - began,
    statusMs: statusAt - began,
    cpuMs: (user + system) / 1_000,
  };
}

const { values } = parseArgs({
  options: {
    fleets: { type: "string", default: "1000,10000" },
    runs: { type: "string", default: "5" },
    out: { type: "string", default: "model-scale" },
  },
});
// The operator's own timers keep no process alive.
const alive = setInterval(() => {}, 60_000);
const runs: ScaleRun[] = [];
const scenes: Scene[] = [];
for (const size of values.fleets.split(",")) {
  scenes.push(await startScene(Number(size)));
}
// The first turn warms the code up, and each turn visits every fleet and every reach.
for (let turn = 0; turn <= Number(values.runs); turn++) {
  for (const scene of scenes) {
    for (const each of changing) {
      const run = await change(scene, turn + 2, each);
      if (turn > 0) runs.push(run);
    }
  }
}
for (const { size } of scenes) {
  let least: number | undefined;
  for (const { name, namespace, concerned } of changing) {
    const of = runs.filter((run) => run.proxies === size && run.filter === `${namespace}/${name}`);
    const at = (pick: (run: ScaleRun) => number) => median(of.map(pick));
    const cpu = at((run) => run.cpuMs);
    least ??= cpu;
    console.log(
      `${String(size).padStart(6)} proxies, ${String(concerned(size)).padStart(5)} concerned:`,
      `last acknowledgement ${at((run) => run.acknowledgedMs)
        .toFixed(1)
        .padStart(7)} ms, status ${at((run) => run.statusMs)
        .toFixed(1)
        .padStart(7)} ms,`,
      `cpu ${cpu.toFixed(1).padStart(7)} ms, ${((cpu * 1_000) / concerned(size)).toFixed(0).padStart(5)} us a proxy, ${(cpu / least).toFixed(1).padStart(6)} times the first`,
    );
  }
}
await writeResults(values.out, runs);
clearInterval(alive);
process.exit(0);
