import type { FleetView, ProxyNode } from "../../model/delivery.ts";
import { type Filter, filterId } from "../../model/filter.ts";
import { showMatches } from "../../model/match.ts";
import type { PlannedProxies, PlannedRollout, PlannedWave } from "../../model/plan.ts";
import { isTakenBack, type Revision } from "../../model/revision.ts";
import { concerns } from "../fleet/index.ts";
import { retarget } from "../rollout/advance.ts";
import { idle, type RolloutState } from "../rollout/state.ts";
import { stepCount } from "../rollout/steps.ts";
import type { WaveLine, WaveOrder } from "../rollout/wave.ts";
import { wavesAhead } from "../rollout/waves-ahead.ts";

/** Proxies of a wave that are named. */
const MAX_NAMED = 100;

export interface MatchDeps {
  readonly fleet: Pick<FleetView, "proxies">;
  /** The namespace whose filters reach the proxies of every namespace. */
  readonly ownNamespace: string | undefined;
}

export interface RolloutPlanDeps extends MatchDeps {
  readonly line: WaveLine;
  readonly now: number;
}

/**
 * How the filter's proxies would come to the revision: what the rollout itself decides, for the proxies that are there now. `generation`: of the object once it is
 * applied. `paused`: a person holds the rollout.
 */
export function planRollout(
  filter: Filter,
  revision: Revision,
  before: { readonly rollout: RolloutState; readonly generation: number; readonly paused: boolean },
  deps: RolloutPlanDeps,
): PlannedRollout {
  const id = filterId(filter.key);
  const matched = matchedBy(filter, deps);
  const connected = matched.filter((proxy) => proxy.connected);
  const present = connected.length > 0 ? connected : matched;
  const { rollout: policy } = filter;
  const steps = stepCount(policy);
  const known = new Map<WaveOrder, readonly number[]>();
  // Each wave asks for them, and of 10,000 proxies they take 20 ms.
  const positions = (order: WaveOrder) => {
    const found = known.get(order) ?? present.map(({ key }) => deps.line.position(order, id, key));
    known.set(order, found);
    return found;
  };
  const seen = { now: deps.now, generation: before.generation, settled: true, positions };
  const state = retarget(before.rollout, revision.number, policy, seen);
  if (state === before.rollout || state.phase !== "Progressing") {
    const failed = isTakenBack(state.phase);
    const why = `revision ${revision.number} failed before under this spec`;
    const waits = failed && state.target === revision.number ? { waitsFor: why } : {};
    return { matched: matched.length, steps, waves: [], ...returns(before.rollout, state, present, positions), ...waits };
  }
  const standing = positions(state.order);
  let from = 0;
  const waves = wavesAhead(state, policy, seen).map(({ index, step, threshold }): PlannedWave => {
    const added = present.filter((_, index) => {
      const position = standing[index] ?? 0;
      return position >= from && position < threshold;
    });
    const { percent, holdMs, pause = false, match } = step;
    // Whoever had it in the dark gets it again, for all requests.
    if (match === undefined) from = threshold;
    return {
      step: index + 1,
      percent,
      holdMs,
      pause,
      ...(match === undefined ? {} : { only: showMatches(match) }),
      ...named(added),
    };
  });
  return {
    matched: matched.length,
    steps,
    waves,
    ...returns(before.rollout, state, present, positions),
    ...(before.paused ? { waitsFor: "the rollout is paused by hand after its first wave" } : {}),
  };
}

/** Who has the target of the rollout under way, for all requests or for some, and is on stable once it is turned to another revision. */
function returns(
  before: RolloutState,
  after: RolloutState,
  present: readonly ProxyNode[],
  positions: (order: WaveOrder) => readonly number[],
): Pick<PlannedRollout, "back"> {
  if (before.phase !== "Progressing" || after === before || after.target === before.target) return {};
  const [old, next] = [positions(before.order), positions(after.order)];
  const stays = after.phase === "Progressing" ? after.threshold : 0;
  const leaving = present.filter((_, index) => (old[index] ?? 0) < before.threshold && (next[index] ?? 0) >= stays);
  if (leaving.length === 0) return {};
  return { back: { ...(after.stable === undefined ? {} : { revision: after.stable }), ...named(leaving) } };
}

function named(proxies: readonly ProxyNode[]): PlannedProxies {
  const first = proxies.toSorted(byName).slice(0, MAX_NAMED);
  return { proxies: proxies.length, first: first.map(({ namespace, id }) => ({ namespace, id })) };
}

/** How many proxies there are for a filter that takes no change now, and why it takes none. */
export function planNothing(filter: Filter, waitsFor: string, deps: MatchDeps): PlannedRollout {
  return { matched: matchedBy(filter, deps).length, steps: stepCount(filter.rollout), waves: [], waitsFor };
}

/** The selected proxies with the filter's slot. */
export function matchedBy(filter: Filter, { fleet, ownNamespace }: MatchDeps): ProxyNode[] {
  return [...fleet.proxies()].filter((proxy) => concerns(filter, proxy, ownNamespace) && proxy.slots.has(filter.settings.slot));
}

function byName(a: ProxyNode, b: ProxyNode): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

/** Of a filter that is not there yet. */
export const NOTHING_OUT = { rollout: idle, generation: 1, paused: false } as const;
