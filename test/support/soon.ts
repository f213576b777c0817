import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";

/** How long a busy machine may take for these moments. */
const SOON_MS = 20_000;

/**
 * Asserts that `read` gives `expected` within moments. Envoy acknowledges a filter config when it has built it and handed it to its
 * worker threads; each worker takes it up in its next turn, so a request may still overtake the change by some microseconds.
 */
export async function soon<T>(read: () => Promise<T>, expected: T, message?: string): Promise<void> {
  const deadline = performance.now() + SOON_MS;
  for (;;) {
    const isLast = performance.now() > deadline;
    // One that was given up by a machine that stood still is read again.
    const actual = await read().catch((error: unknown) => {
      if (isLast) throw error;
      return error;
    });
    if (isDeepStrictEqual(actual, expected)) return;
    if (isLast) assert.deepEqual(actual, expected, message);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
