import { createKeyring } from "../../base/keyring.ts";
import type { WasmFilterSpec } from "../../model/gen/wasmfilter.ts";
import { type Log, silentLog } from "../../model/log.ts";
import type { ImpliedCredentials } from "../../model/module.ts";
import type { Planner } from "../../model/plan.ts";
import { DEFAULT_PROOF } from "../../model/proof.ts";
import { proxyKey } from "../../model/proxy-key.ts";
import { fail, ok } from "../../model/result.ts";
import { createFakeClock, type FakeClock, settle } from "../../model/testing/fake-clock.ts";
import type { Preflight } from "../../model/verdict.ts";
import { createOperator, type Operator } from "../operator.ts";
import { createPlanner } from "../plan/planner.ts";
import { WaveLine } from "../rollout/wave.ts";
import { createFakeFleet, type FakeFleet } from "./fake-fleet.ts";
import { createFakeRegistry, type FakeRegistry } from "./fake-registry.ts";
import { createFakeSource, type FakeSource } from "./fake-source.ts";
import { createFakeVerifier, type FakeVerifier } from "./fake-verifier.ts";

/** Everything around an operator, in memory, with an operator that can be killed and started again. */
export interface World {
  readonly clock: FakeClock;
  readonly fleet: FakeFleet;
  readonly source: FakeSource;
  readonly registry: FakeRegistry;
  readonly verifier: FakeVerifier;
  operator: Operator;
  /** Plans with what the present operator knows. */
  readonly planner: Planner;
  /** Preflights run so far. */
  validations: number;
  start(): Promise<void>;
  /** Starts another operator on the same source, store and fleet; the old one is stopped without a last word. `privateKey`: where that was lost. */
  restart(privateKey?: Uint8Array): Promise<void>;
  /** Lets proxies answer and the operator react until nothing moves any more. Time stands still but for `ms`. */
  run(ms?: number): Promise<void>;
}

/** Refuses modules whose text starts with "junk". One that starts with "traps" fails requests, unless they are of its author. */
function createFakePreflight(world: () => World): Preflight {
  return {
    async validate(code, _settings, { proof = DEFAULT_PROOF } = {}) {
      world().validations++;
      const text = Buffer.from(code).toString();
      if (text.startsWith("junk")) return fail("NotWasm", "the module is not WebAssembly");
      const trap = { reason: "TrafficFailed", message: "GET /: trapped" };
      const isTrapped = text.startsWith("traps") && proof.requests.length === 0;
      if (isTrapped && proof.traffic === "Enforce") return fail(trap.reason, trap.message);
      const measured = { size: text.length, compileMs: 1, startMs: 1, memoryPages: 1, abi: "0.2.1", effects: [] };
      return ok({ ...measured, imports: ["proxy_log"], exports: ["proxy_on_vm_start"], told: isTrapped ? trap : undefined });
    },
  };
}

/** Of every world. */
const PRIVATE_KEY = Buffer.alloc(32, "private");
/** The keys of every world. */
export const keys = createKeyring(PRIVATE_KEY);
/** Its wave line. */
export const line = new WaveLine(keys.keyedHash("wave position"));

/** Where a proxy of namespace `default` stands in the waves of a filter, in every world. */
export function positionOf(filterId: string, proxy: string): number {
  return line.position("hmac", filterId, proxyKey("default", proxy));
}

export function createWorld(ownNamespace?: string, log: Log = silentLog, implied?: ImpliedCredentials): World {
  const clock = createFakeClock();
  const fleet = createFakeFleet(clock.now);
  const source = createFakeSource();
  const registry = createFakeRegistry();
  const verifier = createFakeVerifier();
  const shared = {
    ...{ source, fleet, clock, registry, verifier, ownNamespace, implied },
    preflight: createFakePreflight(() => world),
    parseKeychain: () => ok(new Map()),
    configJudge: { judge: async () => ok([]) },
  };
  const make = (privateKey: Uint8Array) => createOperator({ ...shared, keys: createKeyring(privateKey), log, random: () => 0.5 });
  const world: World = {
    ...{ clock, fleet, source, registry, verifier },
    operator: make(PRIVATE_KEY),
    planner: createPlanner({
      ...shared,
      keys,
      records: () => world.operator.records(),
      ready: () => world.operator.ready(),
    }),
    validations: 0,
    async start() {
      const started = world.operator.start();
      await settle();
      await started;
      await settle();
    },
    async restart(privateKey = PRIVATE_KEY) {
      const stopping = world.operator.stop();
      await settle();
      await stopping;
      world.operator = make(privateKey);
      await world.start();
    },
    async run(ms = 300) {
      for (let i = 0; i < 6; i++) {
        await settle();
        fleet.answerAll();
      }
      await clock.advance(ms);
      fleet.answerAll();
      await settle();
    },
  };
  return world;
}

/** A spec with nothing but an image that is pulled when the spec says so, and whose revisions are not watched unless `more.rollout` says so. */
export function specOf(image: string, more: Partial<WasmFilterSpec> = {}): WasmFilterSpec {
  return { image, rollout: { steps: [{ percent: 100 }] }, ...more };
}
