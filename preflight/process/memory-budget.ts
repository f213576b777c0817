/** Memory that several proofs share. */
export interface MemoryBudget {
  /** A proof has begun. `giveWay` is called, once, when it is the largest and all together take more than there is. */
  enter(giveWay: () => void): Share;
}

export interface Share {
  /** What the proof takes now, in MiB. */
  takes(mb: number): void;
  leave(): void;
}

/** One proof alone is not bounded here: it has a bound of its own, and a verdict that names it. */
export function createMemoryBudget(totalMb: number): MemoryBudget {
  const shares = new Map<Share, { mb: number; readonly giveWay: () => void }>();
  const check = (): void => {
    const all = [...shares.entries()].sort(([, a], [, b]) => b.mb - a.mb);
    const [largest] = all;
    if (all.length < 2 || largest === undefined || all.reduce((sum, [, { mb }]) => sum + mb, 0) <= totalMb) return;
    const [share, { giveWay }] = largest;
    shares.delete(share);
    giveWay();
  };
  return {
    enter(giveWay) {
      const share: Share = {
        takes(mb) {
          const own = shares.get(share);
          if (own === undefined) return;
          own.mb = mb;
          check();
        },
        leave: () => void shares.delete(share),
      };
      shares.set(share, { mb: 0, giveWay });
      return share;
    },
  };
}
