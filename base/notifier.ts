import { shared } from "./shared.ts";

/** Collects what changed and tells the listeners in a later turn of the event loop, each item once. */
export class Notifier<T> {
  private readonly listeners = new Set<(items: ReadonlySet<T>) => void>();
  private pending = new Set<T>();

  note(item: T): void {
    if (this.pending.size === 0) shared(() => setImmediate(() => this.tell()));
    this.pending.add(item);
  }

  /** Returns what ends it. */
  listen(listener: (items: ReadonlySet<T>) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  private tell(): void {
    const items = this.pending;
    this.pending = new Set();
    for (const listener of this.listeners) listener(items);
  }
}
