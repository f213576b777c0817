import type { Clock } from "../model/clock.ts";
import type { Fleet, ProxyHealth, ProxyNode } from "../model/delivery.ts";
import { runningOf } from "./counts.ts";
import { matchedProxies } from "./observe.ts";
import { type FilterRecord, revisionOf } from "./record.ts";
import type { Fault } from "./rollout/advance.ts";
import { addTally, type GroupHealth, judge, noTally, type Tally, tallySince } from "./rollout/health.ts";

/** A proxy that is gone this long after it had taken the target counts as vanished: longer than a reconnect, shorter than a deadline. */
const VANISHED_AFTER_MS = 5_000;

/** Where a proxy's counters stood when it took up what it runs. */
interface Baseline {
  /** Hash of the revision it runs; "" for none. */
  readonly hash: string;
  readonly health: ProxyHealth | undefined;
}

/** Follows how proxies fare from the moment they take up a revision. Kept in memory only: after a restart the comparison starts anew. */
export interface HealthWatch {
  /** What speaks against a record's target now. Costs a look at each matched proxy; asked while a rollout is under way. */
  fault(record: FilterRecord): Fault | undefined;
  forget(record: FilterRecord): void;
}

interface Group {
  tally: Tally;
  proxies: number;
  vanished: string[];
  vmFailures: number;
  worst: string | undefined;
  worstFailures: number;
}

const newGroup = (): Group => ({ tally: noTally, proxies: 0, vanished: [], vmFailures: 0, worst: undefined, worstFailures: 0 });

export function createHealthWatch(fleet: Fleet, clock: Clock, proxiesOf: (id: string) => Iterable<string>): HealthWatch {
  const baselines = new Map<string, { target: string; proxies: Map<string, Baseline> }>();

  /** The record's baselines, emptied when another target started. */
  function baselinesOf(record: FilterRecord, target: string): Map<string, Baseline> {
    const known = baselines.get(record.uid);
    if (known?.target === target) return known.proxies;
    const fresh = { target, proxies: new Map<string, Baseline>() };
    baselines.set(record.uid, fresh);
    return fresh.proxies;
  }

  function account(group: Group, proxy: ProxyNode, baseline: Baseline, record: FilterRecord): void {
    group.proxies++;
    if (!proxy.connected && clock.now() - proxy.since >= VANISHED_AFTER_MS) group.vanished.push(proxy.id);
    const health = fleet.health(proxy.id);
    if (health === undefined) return;
    group.tally = addTally(group.tally, tallySince(baseline.health, health));
    const before = baseline.health?.vmFailures.get(record.id) ?? 0;
    const failures = Math.max(0, (health.vmFailures.get(record.id) ?? 0) - before);
    group.vmFailures += failures;
    if (failures > group.worstFailures) Object.assign(group, { worst: proxy.id, worstFailures: failures });
  }

  return {
    fault(record) {
      const { filter, rollout } = record;
      const target = revisionOf(record, rollout.target);
      if (filter === undefined || target === undefined || rollout.phase !== "Progressing") return undefined;
      const known = baselinesOf(record, target.hash);
      const [wave, stable] = [newGroup(), newGroup()];
      let before = noTally;
      for (const proxy of matchedProxies(record, fleet, proxiesOf(record.id))) {
        const hash = runningOf(proxy, record.key, target.settings.slot)?.hash ?? "";
        let baseline = known.get(proxy.id);
        if (baseline === undefined || baseline.hash !== hash) {
          baseline = { hash, health: fleet.health(proxy.id) };
          known.set(proxy.id, baseline);
        }
        const inWave = hash === target.hash;
        account(inWave ? wave : stable, proxy, baseline, record);
        if (inWave && baseline.health !== undefined) before = addTally(before, baseline.health);
      }
      return wave.proxies === 0 ? undefined : judge(groupHealth(wave), groupHealth(stable), before, filter.rollout.analysis);
    },
    forget: (record) => void baselines.delete(record.uid),
  };
}

function groupHealth({ tally, proxies, vanished, vmFailures, worst }: Group): GroupHealth {
  return { ...tally, proxies, vanished, vmFailures, worst };
}
