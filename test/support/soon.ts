import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";

const SOON_MS = 3_000;

/**
 * Asserts that `read` gives `expected` within moments. Envoy acknowledges a filter config when it has built it and handed it to its
 * worker threads; each worker takes it up in its next turn, so a request may still overtake the change by some microseconds.
 */
export async function soon<T>(read: () => Promise<T>, expected: T, message?: string): Promise<void> {
  const deadline = performance.now() + SOON_MS;
  for (;;) {
    const actual = await read();
    if (isDeepStrictEqual(actual, expected)) return;
    if (performance.now() > deadline) assert.deepEqual(actual, expected, message);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
