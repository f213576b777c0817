import { shared } from "./shared.ts";

/** What became of one turn of a key. */
export interface Requeue {
  /** Take the key up again after this many milliseconds. */
  readonly afterMs?: number;
  /** Take the key up again after a backoff that grows with each retry in a row. */
  readonly retry?: boolean;
}

export interface WorkQueueOptions {
  /** Does the work of one key, at most once at a time for each key. What it throws goes to `failed`, and the key is retried. */
  readonly process: (key: string) => Requeue | Promise<Requeue>;
  /** Told of what `process` threw: a bug, since expected failures are values. */
  readonly failed: (key: string, error: unknown) => void;
  /** Keys processed at once. */
  readonly concurrency: number;
  /** Keys of one group processed at once; default: as many as `concurrency`. Fewer, so that a group whose work hangs leaves places to the others. */
  readonly groupConcurrency?: number;
  /** The group of a key. Groups take turns, so that a group with many keys does not hold up the others. */
  readonly groupOf: (key: string) => string;
  /** `now`: milliseconds. `after` calls `run` once after `ms` and returns a cancel. */
  readonly clock: { now(): number; after(ms: number, run: () => void): () => void };
  /** Milliseconds to wait after this many failures of a key in a row. */
  readonly backoff: (failures: number) => number;
}

/**
 * A keyed work queue, as Kubernetes controllers use it: adding a key that waits changes nothing, and a key added while it is processed is
 * processed once more afterwards. See https://pkg.go.dev/k8s.io/client-go/util/workqueue.
 */
export interface WorkQueue {
  /** Processes the key as soon as its turn comes. */
  add(key: string): void;
  /**
   * Processes the key after `ms`, or earlier if it was due earlier; a backoff is not cut short. A turn of the key before that cancels the delay:
   * `process` says again when to come back.
   */
  addAfter(key: string, ms: number): void;
  /** Drops a key that waits, its delay and its count of retries. A turn under way goes on, and its `Requeue` is ignored. */
  forget(key: string): void;
  /** Keys that wait for their turn now; delayed ones are not counted. */
  depth(): number;
  /** Takes no more keys; resolves when the turns under way are over. */
  stop(): Promise<void>;
}

/** How long one turn of the event loop may start work, in milliseconds: sockets are served in between. */
const SLICE_MS = 10;

interface Delay {
  /** Milliseconds by the clock. */
  readonly at: number;
  readonly isBackoff: boolean;
  readonly cancel: () => void;
}

/** A turn of a key that is under way. */
interface ActiveTurn {
  /** The key was added again meanwhile. */
  again: boolean;
  /** What the turn asks for does not count any more. */
  isForgotten: boolean;
  done: Promise<void>;
}

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  return new KeyedWorkQueue(options);
}

class KeyedWorkQueue implements WorkQueue {
  private readonly options: WorkQueueOptions;
  private readonly ready: RoundRobin;
  private readonly delays = new Map<string, Delay>();
  /** Failures in a row. */
  private readonly failures = new Map<string, number>();
  private readonly active = new Map<string, ActiveTurn>();
  /** Keys of each group that are processed. */
  private readonly busy = new Map<string, number>();
  private isScheduled = false;
  private isStopped = false;

  constructor(options: WorkQueueOptions) {
    this.options = options;
    this.ready = createRoundRobin(options.groupOf);
  }

  add(key: string): void {
    if (this.isStopped) return;
    const turn = this.active.get(key);
    if (turn !== undefined) {
      turn.again = true;
      return;
    }
    this.ready.add(key);
    this.schedule();
  }

  addAfter(key: string, ms: number): void {
    if (this.isStopped) return;
    const known = this.delays.get(key);
    if (ms <= 0) this.add(key);
    else if (known === undefined || (!known.isBackoff && known.at > this.options.clock.now() + ms)) this.delay(key, ms, false);
  }

  forget(key: string): void {
    this.ready.remove(key);
    this.cancelDelay(key);
    this.failures.delete(key);
    const turn = this.active.get(key);
    if (turn === undefined) return;
    turn.again = false;
    turn.isForgotten = true;
  }

  depth(): number {
    return this.ready.size();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    for (const key of [...this.delays.keys()]) this.cancelDelay(key);
    await Promise.all(Array.from(this.active.values(), ({ done }) => done));
  }

  private schedule(): void {
    if (this.isScheduled || this.isStopped || this.ready.size() === 0 || this.active.size >= this.options.concurrency) return;
    this.isScheduled = true;
    shared(() => setImmediate(() => this.dispatch()));
  }

  private dispatch(): void {
    this.isScheduled = false;
    const end = performance.now() + SLICE_MS;
    while (!this.isStopped && this.active.size < this.options.concurrency && performance.now() < end) {
      const key = this.ready.next((group) => this.mayRun(group));
      // Nothing waits, or only groups that have all that they may have: the end of a turn goes on.
      if (key === undefined) return;
      this.start(key);
    }
    this.schedule();
  }

  private start(key: string): void {
    this.cancelDelay(key);
    this.occupy(key, 1);
    const turn: ActiveTurn = { again: false, isForgotten: false, done: Promise.resolve() };
    this.active.set(key, turn);
    let result: Requeue | Promise<Requeue>;
    try {
      result = this.options.process(key);
    } catch (error) {
      result = this.threw(key, error);
    }
    if (!(result instanceof Promise)) {
      this.finish(key, turn, result);
      return;
    }
    turn.done = result
      .catch((error) => this.threw(key, error))
      .then((requeue) => {
        this.finish(key, turn, requeue);
        this.schedule();
      });
  }

  private mayRun(group: string): boolean {
    const { groupConcurrency = Number.POSITIVE_INFINITY } = this.options;
    return (this.busy.get(group) ?? 0) < groupConcurrency;
  }

  private occupy(key: string, change: 1 | -1): void {
    const group = this.options.groupOf(key);
    const now = (this.busy.get(group) ?? 0) + change;
    if (now === 0) this.busy.delete(group);
    else this.busy.set(group, now);
  }

  private threw(key: string, error: unknown): Requeue {
    this.options.failed(key, error);
    return { retry: true };
  }

  private finish(key: string, turn: ActiveTurn, { afterMs, retry = false }: Requeue): void {
    this.active.delete(key);
    this.occupy(key, -1);
    if (this.isStopped) return;
    if (turn.again) this.add(key);
    if (turn.isForgotten) return;
    if (!retry) {
      this.failures.delete(key);
      if (afterMs !== undefined) this.addAfter(key, afterMs);
      return;
    }
    const count = (this.failures.get(key) ?? 0) + 1;
    this.failures.set(key, count);
    this.delay(key, this.options.backoff(count), true);
  }

  private delay(key: string, ms: number, isBackoff: boolean): void {
    const { clock } = this.options;
    this.cancelDelay(key);
    const cancel = shared(() =>
      clock.after(ms, () => {
        this.delays.delete(key);
        this.add(key);
      }),
    );
    this.delays.set(key, { at: clock.now() + ms, isBackoff, cancel });
  }

  private cancelDelay(key: string): void {
    this.delays.get(key)?.cancel();
    this.delays.delete(key);
  }
}

interface RoundRobin {
  size(): number;
  add(key: string): void;
  remove(key: string): void;
  /** A key of the first group that `mayRun`. */
  next(mayRun: (group: string) => boolean): string | undefined;
}

/** Keys in the order they came within a group, and one of each group in turn. */
function createRoundRobin(groupOf: (key: string) => string): RoundRobin {
  const groups = new Map<string, Set<string>>();
  let size = 0;
  return {
    size: () => size,
    add(key) {
      const group = groupOf(key);
      const keys = groups.get(group) ?? new Set();
      groups.set(group, keys);
      if (!keys.has(key)) size++;
      keys.add(key);
    },
    remove(key) {
      const group = groupOf(key);
      const keys = groups.get(group);
      if (keys?.delete(key) !== true) return;
      size--;
      if (keys.size === 0) groups.delete(group);
    },
    next(mayRun) {
      for (const [group, keys] of groups) {
        if (!mayRun(group)) continue;
        groups.delete(group);
        for (const key of keys) {
          keys.delete(key);
          size--;
          if (keys.size > 0) groups.set(group, keys);
          return key;
        }
      }
      return undefined;
    },
  };
}
