import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { uidOf } from "../filter/object.ts";
import { FilterRecord } from "../filter/record.ts";
import type { Records } from "../filter/records.ts";
import type { FleetIndex } from "../fleet/index.ts";
import type { Observer } from "../fleet/observe.ts";
import { lacksRevisions, standAsRecorded } from "./recall.ts";
import type { Tasks } from "./reconcile.ts";
import type { RollOut } from "./roll-out.ts";
import type { Withdrawing } from "./withdrawing.ts";

export interface KeepingDeps {
  readonly records: Records;
  /** The object with this id as the source shows it now. */
  readonly object: (id: string) => WasmFilter | undefined;
  readonly index: Pick<FleetIndex, "removeFilter" | "proxiesOf">;
  readonly observer: Pick<Observer, "reset">;
  readonly rollOut: Pick<RollOut, "forget">;
  readonly withdrawing: Pick<Withdrawing, "recorded" | "forget" | "overrule">;
  readonly tasks: Pick<Tasks, "cancel">;
  /** These proxies may be due other chains. */
  readonly assign: (proxyKeys: Iterable<string>) => void;
  /** The record's object is gone. */
  readonly dropped: (record: FilterRecord) => void;
}

/** Keeps one record for each object that is there. */
export interface Keeping {
  /** The record of the object that the source shows now; `undefined`: there is none, and what was known of it is dropped. */
  recordOf(id: string): FilterRecord | undefined;
  /** Forgets what was about to be decided about a filter: it stands where it would after a start, and serves what it did. */
  succeed(before: FilterRecord): void;
}

export function createKeeping(deps: KeepingDeps): Keeping {
  const { records, index, observer, rollOut, withdrawing, tasks } = deps;

  function drop(record: FilterRecord): void {
    records.remove(record);
    tasks.cancel(record);
    rollOut.forget(record);
    withdrawing.forget(record);
    deps.assign(index.removeFilter(record.id));
    withdrawing.overrule(record.rejections.keys());
    observer.reset(record.id);
    deps.dropped(record);
  }

  return {
    recordOf(id) {
      const object = deps.object(id);
      const known = records.get(id);
      if (known !== undefined && known.uid !== (object && uidOf(object))) drop(known);
      if (object === undefined) return undefined;
      const record = records.get(id) ?? new FilterRecord(object);
      records.put(record);
      record.observe(object);
      return record;
    },
    succeed(before) {
      const object = deps.object(before.id);
      if (object === undefined || uidOf(object) !== before.uid) return;
      tasks.cancel(before);
      rollOut.forget(before);
      observer.reset(before.id);
      const record = new FilterRecord(object, before);
      if (lacksRevisions(record)) record.recallAgain();
      else if (record.recalled) standAsRecorded(record, withdrawing);
      records.put(record);
      deps.assign(index.proxiesOf(record.id));
    },
  };
}
