import type { FilterRecord } from "../filter/record.ts";
import type { Sighting } from "../fleet/observe.ts";

/** One reconcile of one filter: what its steps find out for each other. */
export class Turn {
  readonly record: FilterRecord;
  /** Milliseconds since the epoch. */
  readonly now: number;
  private readonly look: () => Sighting;
  private seen: Sighting | undefined;
  private wakeAt = Number.POSITIVE_INFINITY;
  /** True when proxies may be due other chains than before. */
  moved = false;

  constructor(record: FilterRecord, now: number, look: () => Sighting) {
    this.record = record;
    this.now = now;
    this.look = look;
  }

  /** What the fleet does with the filter. Looked up once, and again after `committed`. */
  get sighting(): Sighting {
    this.seen ??= this.look();
    return this.seen;
  }

  /** Another rollout state is in force. */
  committed(): void {
    this.seen = undefined;
    this.moved = true;
  }

  /** Reconciles again at this time (milliseconds since the epoch), if not earlier. */
  wake(at: number | undefined): void {
    if (at !== undefined) this.wakeAt = Math.min(this.wakeAt, at);
  }

  /** The same for a time that may be over: what it changes was seen in this turn. */
  wakeAfter(at: number): void {
    if (at > this.now) this.wake(at);
  }

  /** Milliseconds until the next reconcile that nothing else causes; `undefined`: none is needed. */
  get requeueMs(): number | undefined {
    return this.wakeAt === Number.POSITIVE_INFINITY ? undefined : Math.max(1, this.wakeAt - this.now);
  }
}
