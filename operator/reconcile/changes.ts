import type { Clock } from "../../model/clock.ts";
import type { Filter } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { alone, type Leadership } from "../../model/leadership.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { Records } from "../filter/records.ts";
import { refersTo, takesChanges } from "../filter/references.ts";
import type { Permits } from "../policy/permits.ts";
import type { Source, SourceChange } from "../source/source.ts";
import type { Keeping } from "./keeping.ts";
import type { Tasks } from "./reconcile.ts";

export interface ChangesDeps {
  readonly source: Pick<Source, "filters">;
  /** The objects as the source showed them last, by id. */
  readonly objects: Map<string, WasmFilter>;
  readonly records: Pick<Records, "get" | "all">;
  readonly tasks: Pick<Tasks, "cancel">;
  readonly leadership: Leadership;
  readonly clock: Clock;
  /** Tells, in one pass, of which records what policies said does not hold any more. */
  readonly outdated: () => (record: FilterRecord) => boolean;
  /** Policies count the filters in slots of this namespace. */
  readonly countsIn: (namespace: string) => boolean;
  /** What policies demand of a filter's image. */
  readonly permits: Pick<Permits, "demandsOf">;
  readonly succeed: Keeping["succeed"];
  /** Proxies have their time to come back, as after a start. */
  readonly settle: () => void;
  /** The filter with this id is to be reconciled. */
  readonly add: (id: string) => void;
}

/** Takes in what changed around the operator: each change becomes filters to reconcile. */
export interface Changes {
  source(change: SourceChange): void;
  /** A filter came, went, or is in another slot: others may have another place in theirs. */
  moved(record: FilterRecord): void;
  /** This server decides from now on, or no longer. */
  role(): void;
}

export function createChanges(deps: ChangesDeps): Changes {
  const { source, objects, records, tasks, leadership, clock, succeed, settle, add } = deps;

  /** Those that are only audited too: they are told. */
  const demands = (filter: Filter) =>
    [...deps.permits.demandsOf(filter), ...deps.permits.demandsOf(filter, "Audit")].map(({ demand }) => demand);

  function takeIn(id: string, object: WasmFilter | undefined, isOverwritten: boolean): void {
    if (object === undefined) objects.delete(id);
    else objects.set(id, object);
    const record = records.get(id);
    // Another server decided since: what is recorded is what is.
    if (record !== undefined && isOverwritten && leadership !== alone && leadership.isLeading()) succeed(record);
    add(id);
  }

  /** What these filters lead to is looked for again. `ends`: a look that is under way is of no use any more; else another comes after it. */
  function again(isMeant: (record: FilterRecord) => boolean, ends = true): void {
    for (const record of records.all()) {
      if (!isMeant(record) || !takesChanges(record)) continue;
      if (ends) tasks.cancel(record);
      record.resolveNext(clock.now(), clock.now());
      add(record.id);
    }
  }

  return {
    source({ filters, references, overwritten, policies }) {
      const all = source.filters();
      for (const id of filters) takeIn(id, all.get(id), overwritten?.has(id) === true);
      const told = new Set([...references].filter(isTold));
      const others = references.difference(told);
      if (others.size > 0) again((record) => refersTo(record, others, demands));
      // Whoever pushes to a repository of that path may have a registry tell so faster than a look takes.
      if (told.size > 0) again((record) => refersTo(record, told, demands), false);
      if (policies === true) again(deps.outdated());
    },
    moved({ key: { namespace } }) {
      if (!deps.countsIn(namespace)) return;
      const isOutdated = deps.outdated();
      // A look that is under way was given the place of before, and what it finds goes out only by the present one.
      again((record) => record.key.namespace === namespace && isOutdated(record), false);
    },
    role() {
      settle();
      for (const [id, object] of source.filters()) objects.set(id, object);
      for (const record of [...records.all()]) {
        succeed(record);
        add(record.id);
      }
    },
  };
}

/** A registry told it: `repository/PATH`. */
function isTold(reference: string): boolean {
  return reference.startsWith("repository/");
}
