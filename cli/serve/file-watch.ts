import type { Clock } from "../../model/clock.ts";
import type { Result } from "../../model/result.ts";

/** How often files are looked at, in milliseconds. A look reads them, so it sees any way of changing them, a swapped symbolic link as well. */
const INTERVAL_MS = 5_000;

export interface FileWatch<T> {
  /** What the files held when they were read last. */
  readonly current: T;
  readonly clock: Clock;
  read(): Promise<Result<T>>;
  /** Differs when the files do. */
  textOf(value: T): string;
  taken(value: T): void;
  /** The files cannot be used, and why. */
  refused(error: string): void;
}

/** Tells what files hold each time that it changes, until the returned function is called. Files that cannot be used are told of once. */
export function watchFiles<T>({ current, clock, read, textOf, taken, refused }: FileWatch<T>): () => void {
  let last = textOf(current);
  let stopped = false;
  let cancel = clock.after(INTERVAL_MS, look);

  async function look(): Promise<void> {
    const found = await read();
    if (stopped) return;
    const text = found.ok ? textOf(found.value) : found.error.message;
    if (text !== last) {
      last = text;
      if (found.ok) taken(found.value);
      else refused(found.error.message);
    }
    cancel = clock.after(INTERVAL_MS, look);
  }

  return () => {
    stopped = true;
    cancel();
  };
}
