import type { World } from "./world.ts";

/** What a proxy does in one second; the defaults are a healthy one. */
export interface Second {
  readonly requests?: number;
  readonly errors?: number;
  readonly ms?: number;
  readonly vmFailures?: number;
  /** True: it does not report. */
  readonly mute?: boolean;
}

/** Lets `seconds` pass in which every proxy reports once a second, as Envoy does. VM failures are of the filter `default/f`. */
export async function live(world: World, seconds: number, of: (id: string) => Second = () => ({})): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    for (const { id, connected } of world.fleet.proxies()) {
      const { requests = 20, errors = 0, ms = 10, vmFailures = 0, mute = false } = of(id);
      const before = world.fleet.health(id);
      if (!connected || mute) continue;
      world.fleet.report(id, {
        at: world.clock.now(),
        requests: (before?.requests ?? 0) + requests,
        errors5xx: (before?.errors5xx ?? 0) + errors,
        latencySumMs: (before?.latencySumMs ?? 0) + requests * ms,
        latencyCount: (before?.latencyCount ?? 0) + requests,
        vmFailures: new Map([["default/f", (before?.vmFailures.get("default/f") ?? 0) + vmFailures]]),
      });
    }
    await world.run(1_000);
  }
}
