import type { Clock } from "../../model/clock.ts";

/** Bytes a second that a body has at least. A module of a megabyte takes a minute then; who sends less holds a place that others wait for. */
export const MIN_BYTES_PER_SECOND = 16 << 10;
const MS_PER_BYTE = 1_000 / MIN_BYTES_PER_SECOND;

/** The server sends nothing during an upload, so it gets more time: a millisecond for this many bytes. */
const UPLOAD_BYTES_PER_MS = 50;

/** Why an exchange was given up. */
export type GivenUp = "silent" | "slow" | "canceled";

export interface WatchOptions {
  readonly clock: Clock;
  /** As those of `HttpOptions`. */
  readonly idleTimeoutMs: number;
  readonly totalTimeoutMs: number;
  /** Bytes that are sent. */
  readonly uploadBytes: number;
  /** The caller's. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Gives one exchange up when the caller does, when its total time is over, or when the server is slower than it may be. The server has the idle time to begin with. What comes of a body
 * prolongs that by what it takes at `MIN_BYTES_PER_SECOND`, up to the idle time again: so a pause of that length is well, and a byte now and then is not. While whoever reads
 * is at work, the server's time stands still.
 */
export class Watch {
  private readonly options: WatchOptions;
  private readonly controller = new AbortController();
  private readonly cancelTotal: () => void;
  private cancelIdle: () => void = () => {};
  /** Milliseconds that the server has left, and since when. */
  private left: number;
  private since = 0;
  /** Something of the body came since the idle time was full. */
  private hasCome = false;
  reason: GivenUp | undefined;

  constructor(options: WatchOptions) {
    this.options = options;
    const { clock, idleTimeoutMs, totalTimeoutMs, uploadBytes, signal } = options;
    const uploadMs = uploadBytes / UPLOAD_BYTES_PER_MS;
    if (signal?.aborted) this.onAbort();
    signal?.addEventListener("abort", this.onAbort, { once: true });
    this.cancelTotal = clock.after(totalTimeoutMs + uploadMs, () => this.giveUp("silent"));
    this.left = idleTimeoutMs + uploadMs;
    this.resume();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The server answers, or takes what is sent: it has the whole idle time again. */
  alive(): void {
    this.left = this.options.idleTimeoutMs;
    this.hasCome = false;
    this.resume();
  }

  /** A piece of a body came. Whoever has it is at work until `resume`. */
  came({ byteLength }: Uint8Array): void {
    this.cancelIdle();
    const { clock, idleTimeoutMs } = this.options;
    const left = this.left - Math.max(0, clock.now() - this.since) + byteLength * MS_PER_BYTE;
    this.left = Math.max(0, Math.min(idleTimeoutMs, left));
    this.hasCome = this.left < idleTimeoutMs;
  }

  resume(): void {
    this.cancelIdle();
    this.since = this.options.clock.now();
    this.cancelIdle = this.options.clock.after(this.left, () => this.giveUp(this.hasCome ? "slow" : "silent"));
  }

  stop(): void {
    this.cancelIdle();
    this.cancelTotal();
    this.options.signal?.removeEventListener("abort", this.onAbort);
  }

  private readonly onAbort = () => this.giveUp("canceled");

  private giveUp(reason: GivenUp): void {
    this.reason ??= reason;
    this.controller.abort();
  }
}
