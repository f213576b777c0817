/** How long a server takes to say that it is alive, asked again and again. */
export interface Health {
  /** Milliseconds of the slowest answer so far. */
  worst(): number;
  answers(): number;
  stop(): Promise<void>;
}

/** Asks `url`/healthz every 20 ms. An answer that never comes counts for as long as it was waited for. */
export function watchHealth(url: string): Health {
  let worst = 0;
  let answers = 0;
  let isOver = false;
  const asking = (async () => {
    while (!isOver) {
      const began = performance.now();
      const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(60_000) }).catch(() => undefined);
      await answer?.text();
      if (isOver) return;
      worst = Math.max(worst, performance.now() - began);
      if (answer?.ok === true) answers++;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return {
    worst: () => worst,
    answers: () => answers,
    async stop() {
      isOver = true;
      await asking;
    },
  };
}
