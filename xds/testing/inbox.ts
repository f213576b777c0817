import type { Status } from "./grpc-client.ts";
import type { Received } from "./received.ts";

const DEADLINE_MS = 10_000;

/** The responses of a stream that the test has not looked at. */
export class Inbox {
  /** Set once an invariant was broken: whoever waits or asks is told. */
  private broken: Error | undefined;
  private ended: Status | undefined;
  private unread: Received[] = [];
  private readonly waiters: (() => void)[] = [];

  push(response: Received): void {
    this.unread.push(response);
    this.wake();
  }

  fail(error: Error): void {
    this.broken ??= error;
    this.wake();
  }

  end(status: Status): void {
    this.ended = status;
    this.wake();
  }

  /** The next response, of this type if one is named. Rejects when the stream ends or none comes in time. */
  async next(typeUrl?: string): Promise<Received> {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      if (this.broken !== undefined) throw this.broken;
      const index = this.unread.findIndex((response) => typeUrl === undefined || response.typeUrl === typeUrl);
      const [found] = index < 0 ? [] : this.unread.splice(index, 1);
      if (found !== undefined) return found;
      if (this.ended !== undefined) throw new Error(`the stream ended: ${this.ended.code} ${this.ended.details}`);
      if (Date.now() > deadline) throw new Error(`no response of ${typeUrl ?? "any type"} in ${DEADLINE_MS} ms`);
      await this.news();
    }
  }

  /** Takes everything out. Throws when an invariant was broken. */
  takeAll(): readonly Received[] {
    if (this.broken !== undefined) throw this.broken;
    return this.unread.splice(0);
  }

  /** Everything unread, which stays. Throws when an invariant was broken. */
  peekAll(): readonly Received[] {
    if (this.broken !== undefined) throw this.broken;
    return this.unread;
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  private news(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, DEADLINE_MS);
      this.waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
