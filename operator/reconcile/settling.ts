import type { Clock } from "../../model/clock.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { FleetIndex } from "../fleet/index.ts";
import type { Sighting } from "../fleet/observe.ts";

type Seen = Pick<Sighting, "counts">;

/**
 * After a start, nothing moves forward until the proxies that the last status counted are back, or had their time to be. Where it counted none, nobody knows who is
 * to come: silence says nothing, and one proxy that answered is enough only when as many are back in the namespace as any of its filters had.
 */
export interface Settling {
  /** The proxies have their time from now on, whatever was begun before. `over` is called when it has passed. Returns a cancel. */
  begin(over: () => void): () => void;
  /** How many proxies that the last status counted are not back yet and may still be on their way. */
  missing(record: FilterRecord, seen: Seen): number;
  /** False while it is not known who of the filter's proxies is on the way: some are missing or, where none was counted, none is heard. */
  isHeard(record: FilterRecord, seen: Seen): boolean;
  /** The same; from the first true on, the record's `watchedSince` is set. */
  isSettled(record: FilterRecord, seen: Seen): boolean;
}

export interface SettlingDeps {
  readonly clock: Clock;
  /** How long proxies have to come back. A timer tells its end, since the clock may be set meanwhile. */
  readonly settleMs: number;
  readonly index: Pick<FleetIndex, "connectedFor">;
  /** The objects as they are at the start, with the statuses of before. */
  readonly objects: () => Iterable<WasmFilter>;
}

export function createSettling({ clock, settleMs, index, objects }: SettlingDeps): Settling {
  let isOver = false;
  let cancel = () => {};
  /** Namespace -> the most proxies that one of its filters had. */
  const most = new Map<string, number>();

  const isNamespaceBack = (namespace: string) => index.connectedFor(namespace) >= (most.get(namespace) ?? 0);

  function missing(record: FilterRecord, { counts }: Seen): number {
    return isOver ? 0 : Math.max(0, record.expected - counts.matched);
  }

  function isHeard(record: FilterRecord, { counts }: Seen): boolean {
    if (isOver) return true;
    if (record.expected > 0) return missing(record, { counts }) === 0;
    return counts.updated > 0 && isNamespaceBack(record.key.namespace);
  }

  return {
    begin(over) {
      isOver = false;
      cancel();
      most.clear();
      for (const { metadata, status } of objects()) {
        const namespace = metadata.namespace ?? "default";
        most.set(namespace, Math.max(most.get(namespace) ?? 0, status?.proxies?.matched ?? 0));
      }
      cancel = clock.after(settleMs, () => {
        isOver = true;
        over();
      });
      return () => cancel();
    },
    missing,
    isHeard,
    isSettled(record, seen) {
      if (!isHeard(record, seen)) return false;
      record.watch(clock.now());
      return true;
    },
  };
}
