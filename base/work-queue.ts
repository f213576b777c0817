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
   * `process` says anew when to come back.
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

export function createWorkQueue(options: WorkQueueOptions): WorkQueue {
  const { process, failed, concurrency, groupOf, clock, backoff } = options;
  const ready = createRoundRobin(groupOf);
  const delays = new Map<string, Delay>();
  const failures = new Map<string, number>();
  /** Keys under way -> whether they were added again meanwhile, and whether their answer still counts. */
  const active = new Map<string, { again: boolean; forgotten: boolean; done: Promise<void> }>();
  let scheduled = false;
  let stopped = false;

  function schedule(): void {
    if (scheduled || stopped || ready.size() === 0 || active.size >= concurrency) return;
    scheduled = true;
    setImmediate(dispatch);
  }

  function dispatch(): void {
    scheduled = false;
    const end = performance.now() + SLICE_MS;
    while (!stopped && active.size < concurrency && performance.now() < end) {
      const key = ready.next();
      if (key === undefined) break;
      start(key);
    }
    schedule();
  }

  function start(key: string): void {
    cancelDelay(key);
    const turn = { again: false, forgotten: false, done: Promise.resolve() };
    active.set(key, turn);
    let result: Requeue | Promise<Requeue>;
    try {
      result = process(key);
    } catch (error) {
      result = thrown(key, error);
    }
    if (!(result instanceof Promise)) finish(key, result);
    else {
      turn.done = result
        .catch((error) => thrown(key, error))
        .then((requeue) => {
          finish(key, requeue);
          schedule();
        });
    }
  }

  function thrown(key: string, error: unknown): Requeue {
    failed(key, error);
    return { retry: true };
  }

  function finish(key: string, { afterMs, retry = false }: Requeue): void {
    const turn = active.get(key);
    active.delete(key);
    if (turn === undefined || stopped) return;
    if (turn.again) add(key);
    if (turn.forgotten) return;
    if (!retry) failures.delete(key);
    if (retry) {
      const count = (failures.get(key) ?? 0) + 1;
      failures.set(key, count);
      delay(key, backoff(count), true);
    } else if (afterMs !== undefined) addAfter(key, afterMs);
  }

  function add(key: string): void {
    if (stopped) return;
    const turn = active.get(key);
    if (turn === undefined) {
      ready.add(key);
      schedule();
    } else turn.again = true;
  }

  function addAfter(key: string, ms: number): void {
    if (stopped) return;
    const known = delays.get(key);
    if (ms <= 0) add(key);
    else if (known === undefined || (!known.isBackoff && known.at > clock.now() + ms)) delay(key, ms, false);
  }

  function delay(key: string, ms: number, isBackoff: boolean): void {
    cancelDelay(key);
    const cancel = clock.after(ms, () => {
      delays.delete(key);
      add(key);
    });
    delays.set(key, { at: clock.now() + ms, isBackoff, cancel });
  }

  function cancelDelay(key: string): void {
    delays.get(key)?.cancel();
    delays.delete(key);
  }

  return {
    add,
    addAfter,
    forget(key) {
      ready.remove(key);
      cancelDelay(key);
      failures.delete(key);
      const turn = active.get(key);
      if (turn !== undefined) Object.assign(turn, { again: false, forgotten: true });
    },
    depth: () => ready.size(),
    async stop() {
      stopped = true;
      for (const key of [...delays.keys()]) cancelDelay(key);
      await Promise.all([...active.values()].map(({ done }) => done));
    },
  };
}

/** Keys in the order they came within a group, and one of each group in turn. */
function createRoundRobin(groupOf: (key: string) => string) {
  const groups = new Map<string, Set<string>>();
  let size = 0;
  return {
    size: () => size,
    add(key: string): void {
      const group = groupOf(key);
      const keys = groups.get(group) ?? new Set();
      groups.set(group, keys);
      if (!keys.has(key)) size++;
      keys.add(key);
    },
    remove(key: string): void {
      const group = groupOf(key);
      const keys = groups.get(group);
      if (keys?.delete(key) !== true) return;
      size--;
      if (keys.size === 0) groups.delete(group);
    },
    next(): string | undefined {
      for (const [group, keys] of groups) {
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
