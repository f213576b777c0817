/** A result that is made when it is first asked for, and kept. */
export interface Once<T> {
  /** The result; the same for all who ask. One that rejects is made again for whoever asks next: what was short (open files, a disk) may be there again. */
  get(): Promise<T>;
  /** The result if it is being made or there; `undefined` when nobody asked yet, and when it rejected. Never rejects. */
  peek(): Promise<T | undefined>;
}

export function createOnce<T>(make: () => Promise<T>): Once<T> {
  let made: Promise<T> | undefined;
  return {
    get() {
      if (made !== undefined) return made;
      const own = make();
      made = own;
      own.catch(() => {
        if (made === own) made = undefined;
      });
      return own;
    },
    peek: async () => made?.catch(() => undefined),
  };
}
