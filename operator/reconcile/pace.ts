import type { FilterRecord } from "../filter/record.ts";

/** For each proxy of all rollouts under way: watching takes a fraction of the time, however many there are. */
const MS_PER_PROXY = 0.025;
/** For each of these rollouts itself. */
const MS_PER_ROLLOUT = 0.5;

/** How often rollouts under way are looked at where nothing calls for it. */
export class Pace {
  /** Rollouts under way -> their proxies. */
  private readonly watched = new Map<FilterRecord, number>();
  private proxies = 0;

  /** Between looks at one rollout, in milliseconds. */
  get ms(): number {
    return this.proxies * MS_PER_PROXY + this.watched.size * MS_PER_ROLLOUT;
  }

  /** So many proxies of the record's rollout are watched; 0: it is not under way. */
  set(record: FilterRecord, proxies: number): void {
    this.proxies += proxies - (this.watched.get(record) ?? 0);
    if (proxies === 0) this.watched.delete(record);
    else this.watched.set(record, proxies);
  }
}
