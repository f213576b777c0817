/** Work that nobody waits for. What it throws goes to `failed`, which says what the work was about, and no further. */
export function inBackground(work: Promise<unknown>, failed: (error: unknown) => void): void {
  work.catch(failed);
}

/** Work of one of many, which must not end that of the others. What it throws goes to `failed`, which says what the work was about, and no further. */
export function bounded(work: () => void, failed: (error: unknown) => void): void {
  try {
    work();
  } catch (error) {
    failed(error);
  }
}
