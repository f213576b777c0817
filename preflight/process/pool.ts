import type { ProofBounds } from "./bounds.ts";
import { childProvers, type Prover, type Provers } from "./prover.ts";

export interface PoolOptions {
  /** Provers at work at once. */
  readonly size: number;
  /** Provers that wait, started ahead. */
  readonly ahead: number;
  readonly bounds: ProofBounds;
  /** Default: children of this process. */
  readonly provers?: Pick<Provers, "start"> | undefined;
}

export interface TurnOptions {
  readonly signal?: AbortSignal | undefined;
  /** Nothing else is proved meanwhile. */
  readonly alone?: boolean;
  /** It comes after all else of its namespace that waits. */
  readonly later?: boolean;
}

/** Hands out provers, each for one proof. */
export interface ProverPool {
  /**
   * Runs `use` with a prover as soon as one may work for this namespace. Namespaces take turns, and one of them never has all the places, so that its slow
   * proofs never hold up another's. `undefined`: the signal fired before its turn came.
   */
  run<T>(namespace: string, use: (prover: Prover) => Promise<T>, options?: TurnOptions): Promise<T | undefined>;
}

interface Waiting {
  /** Of all places. One that wants all of them waits until they are free, and holds up the rest. */
  readonly places: number;
  readonly later: boolean;
  readonly begin: () => void;
}

export function createProverPool(options: PoolOptions): ProverPool {
  return new FairPool(options);
}

class FairPool implements ProverPool {
  private readonly options: PoolOptions;
  private readonly provers: Pick<Provers, "start">;
  private idle: Prover[] = [];
  /** Those who wait, by namespace; the namespace whose turn is next comes first. */
  private readonly waiting = new Map<string, Set<Waiting>>();
  private readonly working = new Map<string, number>();
  private total = 0;

  constructor(options: PoolOptions) {
    this.options = options;
    this.provers = options.provers ?? childProvers;
    this.refill();
  }

  async run<T>(
    namespace: string,
    use: (prover: Prover) => Promise<T>,
    { signal, alone = false, later = false }: TurnOptions = {},
  ): Promise<T | undefined> {
    const places = alone ? this.options.size : 1;
    if (!(await this.turn(namespace, { places, later }, signal))) return undefined;
    try {
      // Within: a process that cannot be started (no memory) must not keep the place.
      return await use(this.take());
    } finally {
      this.count(namespace, -places);
      this.next();
      // Now, not when it was taken: to start a process keeps this thread for longer than a small proof takes.
      this.refill();
    }
  }

  /** Resolves when this namespace has a place; false when the signal was first. */
  private turn(namespace: string, asked: Pick<Waiting, "places" | "later">, signal: AbortSignal | undefined): Promise<boolean> {
    if (signal?.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const abort = (): void => {
        this.forget(namespace, entry);
        resolve(false);
      };
      const entry: Waiting = {
        ...asked,
        begin: () => {
          signal?.removeEventListener("abort", abort);
          resolve(true);
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      const line = this.waiting.get(namespace) ?? new Set();
      this.waiting.set(namespace, line.add(entry));
      this.next();
    });
  }

  private next(): void {
    const { size } = this.options;
    for (const [namespace, line] of this.waiting) {
      if (this.total >= size) return;
      const entry = line.values().find(({ later }) => !later) ?? line.values().next().value;
      if (entry === undefined) continue;
      const { places } = entry;
      if (places === 1 && (this.working.get(namespace) ?? 0) >= Math.max(1, size - 1)) continue;
      if (places > size - this.total) return;
      this.forget(namespace, entry);
      this.count(namespace, places);
      // Back to the end of the line of namespaces.
      if (this.waiting.delete(namespace) && line.size > 0) this.waiting.set(namespace, line);
      entry.begin();
    }
  }

  private forget(namespace: string, entry: Waiting): void {
    const line = this.waiting.get(namespace);
    line?.delete(entry);
    if (line?.size === 0) this.waiting.delete(namespace);
  }

  private count(namespace: string, change: number): void {
    this.total += change;
    const now = (this.working.get(namespace) ?? 0) + change;
    if (now === 0) this.working.delete(namespace);
    else this.working.set(namespace, now);
  }

  private take(): Prover {
    this.idle = this.idle.filter((prover) => !prover.hasEnded);
    return this.idle.shift() ?? this.provers.start(this.options.bounds);
  }

  private refill(): void {
    while (this.idle.length < this.options.ahead) this.idle.push(this.provers.start(this.options.bounds));
  }
}
