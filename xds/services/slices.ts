/** Milliseconds of a slice, and of the pause after it: all of them together take at most half of the event loop. */
const SLICE_MS = 5;

/** Runs long work, one after the other and in slices. */
export type Slices = <T>(start: () => Generator<void, T>) => Promise<T>;

/** The work yields where it may be interrupted; the clock is looked at every so many times. */
const STEPS = 32;

export function createSlices(): Slices {
  let last: Promise<unknown> = Promise.resolve();
  return (start) => {
    const result = last.then(() => run(start()));
    last = result.catch(() => {});
    return result;
  };
}

async function run<T>(work: Generator<void, T>): Promise<T> {
  let end = performance.now() + SLICE_MS;
  for (let step = 1; ; step++) {
    const { done, value } = work.next();
    if (done) return value;
    if (step % STEPS > 0 || performance.now() < end) continue;
    await new Promise((resolve) => setTimeout(resolve, SLICE_MS));
    end = performance.now() + SLICE_MS;
  }
}
