import { get } from "node:http";

/** How long a server takes to say that it is alive, asked again and again. */
export interface Health {
  /** Milliseconds of the slowest answer so far. */
  worst(): number;
  answers(): number;
  failures(): number;
  stop(): Promise<void>;
}

/**
 * Gets `url` once and rejects unless the answer is 200, as a kubelet does it: on a connection of its own and from an address of its own. An address has a share of the
 * server's sockets: who has the address of an attacker can lose a connection before its request was read.
 */
export function probe(url: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = get(url, { agent: false, localAddress: "127.0.0.2", timeout: timeoutMs }, (answer) => {
      answer.resume();
      answer.once("end", () => (answer.statusCode === 200 ? resolve() : reject(new Error(`${url}: ${answer.statusCode}`))));
    });
    call.once("timeout", () => call.destroy(new Error(`${url}: no answer`)));
    call.once("error", reject);
  });
}

/** Asks `url`/healthz every `everyMs`. An answer that never comes counts for as long as it was waited for. */
export function watchHealth(url: string, everyMs = 20): Health {
  let worst = 0;
  let answers = 0;
  let failures = 0;
  let isOver = false;
  const asking = (async () => {
    while (!isOver) {
      const began = performance.now();
      const isHealthy = await probe(`${url}/healthz`, 60_000).then(
        () => true,
        () => false,
      );
      if (isOver) return;
      worst = Math.max(worst, performance.now() - began);
      if (isHealthy) answers++;
      else failures++;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  })();
  return {
    worst: () => worst,
    answers: () => answers,
    failures: () => failures,
    async stop() {
      isOver = true;
      await asking;
    },
  };
}
