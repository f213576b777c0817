import { exhausted, type Refusal, type StreamLimits } from "./limits.ts";

/** Names that a connection may have when all together have many: more than a proxy has with a filter of its own in each place. */
const USUAL_NAMES = 256;
/** Names that a connection may have even when all together have too many. A real proxy has a few dozen. */
const FEW_NAMES = 64;

/** Counts the names and resources that are remembered for streams: in all, and for those of one connection, which may carry a hundred. */
export class Remembered {
  private inAll = 0;
  private readonly byCarrier = new WeakMap<object, number>();

  /** Why what the connection carries may not have so many more, if it may not. */
  refusal(carrier: object, change: number, limits: StreamLimits): Refusal | undefined {
    const allowance = allowanceOf(limits, this.inAll + change);
    // A proxy that comes back asks for its names, and says which versions it holds: each name counts twice.
    if (this.of(carrier) + change <= 2 * allowance) return undefined;
    return exhausted(`all proxies together subscribe to too many resources; ask for at most ${allowance} on this connection`);
  }

  add(carrier: object, change: number): void {
    this.inAll += change;
    this.byCarrier.set(carrier, this.of(carrier) + change);
  }

  private of(carrier: object): number {
    return this.byCarrier.get(carrier) ?? 0;
  }
}

function allowanceOf({ namesInAll, namesAtMost }: StreamLimits, inAll: number): number {
  if (inAll <= namesInAll) return Number.POSITIVE_INFINITY;
  return inAll <= namesAtMost ? USUAL_NAMES : FEW_NAMES;
}
