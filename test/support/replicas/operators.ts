import { createKeyring } from "../../../base/keyring.ts";
import { createPeers, type ReplicaPeers } from "../../../cluster/index.ts";
import { createMemoryCalls, type MemoryCalls, REPLICA_URI } from "../../../cluster/testing/memory-calls.ts";
import type { WasmFilterStatus } from "../../../model/gen/wasmfilter.ts";
import type { Leadership } from "../../../model/leadership.ts";
import { silentLog } from "../../../model/log.ts";
import { failForNow, ok } from "../../../model/result.ts";
import { createFakeClock, type FakeClock, settle } from "../../../model/testing/fake-clock.ts";
import type { Preflight } from "../../../model/verdict.ts";
import { createOperator, type Operator, type Source } from "../../../operator/index.ts";
import { createFakeFleet, type FakeFleet } from "../../../operator/testing/fake-fleet.ts";
import { createFakeRegistry, type FakeRegistry } from "../../../operator/testing/fake-registry.ts";
import { createFakeSource, type FakeSource } from "../../../operator/testing/fake-source.ts";
import { createFakeVerifier } from "../../../operator/testing/fake-verifier.ts";

/** One replica: the product's operator and peers, around proxies, a store and an API server that are not there. */
export interface TestReplica {
  readonly id: string;
  readonly fleet: FakeFleet;
  /** What it can have from a registry and has in its store. */
  readonly registry: FakeRegistry;
  readonly peers: ReplicaPeers;
  readonly operator: Operator;
}

/** Replicas on one API server in memory. Who leads, and what reaches whom, a test says. */
export interface Operators {
  readonly clock: FakeClock;
  readonly source: FakeSource;
  readonly calls: MemoryCalls;
  readonly replicas: readonly TestReplica[];
  replica(index: number): TestReplica;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** From now on this one decides; absent: none. */
  lead(index?: number): void;
  /** A new process with an empty store and no proxy. Its registry is away. */
  replace(index: number): Promise<void>;
  status(): WasmFilterStatus | undefined;
  /** Lets proxies answer, messages arrive and time pass. */
  run(ms?: number): Promise<void>;
}

const preflight: Preflight = {
  async validate(code) {
    const measured = { size: code.byteLength, compileMs: 1, startMs: 1, memoryPages: 1, abi: "0.2.1", effects: [] };
    return ok({ ...measured, imports: ["proxy_log"], exports: ["proxy_on_vm_start"], told: undefined });
  },
};

/** What replicas have in common. */
interface World {
  readonly clock: FakeClock;
  readonly source: FakeSource;
  readonly calls: MemoryCalls;
  readonly names: readonly string[];
  readonly listeners: Map<Parameters<Source["onChange"]>[0], string>;
  readonly roles: Map<string, Set<(isLeading: boolean) => void>>;
  leading: string | undefined;
  processes: number;
}

/** As the API server tells each: its own writes come back, those of others are news. */
function sourceOf(world: World, id: string): Source {
  const { source, listeners } = world;
  const down = () => failForNow("Down", "the source is down");
  return {
    ...source,
    isFollowed: () => source.isFollowed(),
    deleteRevision: (...asked) => source.deleteRevision(...asked),
    onChange(listener) {
      listeners.set(listener, id);
      const unlisten = source.onChange(listener);
      return () => {
        listeners.delete(listener);
        unlisten();
      };
    },
    secret: async (...asked) => (source.down ? down() : source.secret(...asked)),
    revisions: async (...asked) => (source.down ? down() : source.revisions(...asked)),
    async writeStatus(key, uid, status) {
      if (world.leading !== id) return failForNow("NotLeading", "another decides");
      const written = await source.writeStatus(key, uid, status);
      const filters = new Set([`${key.namespace}/${key.name}`]);
      for (const [listener, other] of written.ok ? listeners : [])
        if (other !== id) listener({ filters, references: new Set(), overwritten: filters });
      return written;
    },
  };
}

function leadershipOf(world: World, id: string): Leadership {
  const listeners = new Set<(isLeading: boolean) => void>();
  world.roles.set(id, listeners);
  return {
    isLeading: () => world.leading === id,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function makeReplica(world: World, id: string): TestReplica {
  const { clock, calls, names } = world;
  const fleet = createFakeFleet(clock.now);
  const registry = createFakeRegistry();
  const own = { own: fleet, leadership: leadershipOf(world, id), modules: registry };
  const peers = createPeers({
    ...{ id: `${id}-${world.processes++}`, version: "1.0.0", uri: REPLICA_URI, dial: calls.dialOf(id) },
    ...{ ...own, addresses: async () => new Set(names), clock, steady: clock.now, log: silentLog },
  });
  registry.peers = peers.modules;
  calls.listen(id, peers);
  const operator = createOperator({
    ...{
      source: sourceOf(world, id),
      fleet: peers.fleet,
      clock,
      registry,
      verifier: createFakeVerifier(),
      preflight,
      peers,
      leadership: peers.leadership,
    },
    ...{ keys: createKeyring(Buffer.alloc(32, "private")), log: silentLog, random: () => 0.5, ownNamespace: undefined },
    configJudge: { judge: async () => ok([]) },
    parseKeychain: () => ok(new Map()),
  });
  return { id, fleet, registry, peers, operator };
}

async function startReplica({ clock }: World, { operator, peers }: TestReplica): Promise<void> {
  const started = operator.start();
  peers.start();
  // Proxies are answered at the latest when the time for the start is over.
  for (let i = 0; i < 16 || (i < 200 && !operator.ready()); i++) await clock.advance(100);
  await started;
}

async function stopReplica({ operator, peers }: TestReplica): Promise<void> {
  peers.stop();
  const stopping = operator.stop();
  await settle();
  await stopping;
}

export function createOperators(count: number): Operators {
  const names = Array.from({ length: count }, (_, index) => `r${index}`);
  const [clock, source, calls] = [createFakeClock(), createFakeSource(), createMemoryCalls()];
  const world: World = { clock, source, calls, names, listeners: new Map(), roles: new Map(), leading: undefined, processes: 0 };
  const replicas = names.map((id) => makeReplica(world, id));
  const tell = (id: string | undefined, isLeading: boolean) => {
    for (const listener of world.roles.get(id ?? "") ?? []) listener(isLeading);
  };
  const replica = (index: number) => replicas[index] as TestReplica;
  return {
    ...{ clock, source, calls, replicas, replica },
    async start() {
      for (const one of replicas) await startReplica(world, one);
    },
    async stop() {
      for (const one of replicas) await stopReplica(one);
    },
    lead(index) {
      const before = world.leading;
      world.leading = index === undefined ? undefined : names[index];
      tell(before, false);
      tell(world.leading, true);
    },
    async replace(index) {
      await stopReplica(replica(index));
      const one = makeReplica(world, `r${index}`);
      one.registry.down = true;
      replicas[index] = one;
      await startReplica(world, one);
    },
    status: () => source.statusOf("f"),
    async run(ms = 300) {
      const until = clock.now() + ms;
      do {
        await settle();
        for (const { fleet } of replicas) fleet.answerAll();
        await clock.advance(100);
      } while (clock.now() < until);
      await settle();
    },
  };
}
