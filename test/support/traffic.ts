import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export interface Answer {
  /** 0 when there was none. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The body, or the error's code when the status is 0. */
  readonly body: string;
}

export interface Totals {
  readonly sent: number;
  /** No answer, or one with a status other than 200. */
  readonly failed: number;
  /** Answered with 200, but `filtered` said no. */
  readonly unfiltered: number;
  /** What the first few that failed or came unfiltered looked like. */
  readonly samples: readonly string[];
}

/**
 * A steady stream of requests over connections that stay open, each client one request after the other. It does not keep its process from ending: a test that
 * fails need not stop it.
 */
export interface Traffic {
  totals(): Totals;
  /** Waits until `count` more requests have been answered. */
  more(count: number): Promise<void>;
  stop(): Promise<Totals>;
}

export interface TrafficOptions {
  readonly port: number;
  readonly clients?: number;
  /** Pause of each client between two requests. */
  readonly pauseMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** True when the answer shows that the filters were in place. */
  readonly filtered: (answer: Answer) => boolean;
  /** Called with every answer and the milliseconds it took. */
  readonly onAnswer?: (answer: Answer, ms: number) => void;
}

const TIMEOUT_MS = 15_000;
const SAMPLES = 5;

/** One GET over a connection of its own, or one of `agent`. Never throws: what goes wrong is in the answer. */
export function get(port: number, headers: Readonly<Record<string, string>> = {}, agent: Agent | false = false): Promise<Answer> {
  return new Promise((resolve) => {
    const outgoing = request({ host: "127.0.0.1", port, path: "/", headers, agent, timeout: TIMEOUT_MS }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        body += chunk;
      });
      response.once("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      response.once("error", (error) => resolve({ status: 0, headers: {}, body: String(error) }));
    });
    outgoing.once("timeout", () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    outgoing.once("error", (error: NodeJS.ErrnoException) => resolve({ status: 0, headers: {}, body: error.code ?? error.message }));
    outgoing.end();
  });
}

/** The values of a request header as the echo app saw them, in their order. */
export function echoed(answer: Answer, name: string): string[] {
  const headers: string[] = JSON.parse(answer.body);
  return headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === name);
}

export function startTraffic({ port, clients = 4, pauseMs = 2, headers = {}, filtered, onAnswer = () => {} }: TrafficOptions): Traffic {
  const samples: string[] = [];
  let [sent, failed, unfiltered, running] = [0, 0, 0, true];

  function note(answer: Answer): void {
    sent += 1;
    if (answer.status !== 200) failed += 1;
    else if (!filtered(answer)) unfiltered += 1;
    else return;
    if (samples.length < SAMPLES) samples.push(`${answer.status} ${JSON.stringify(answer.headers)} ${answer.body.slice(0, 200)}`);
  }

  async function client(): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (running) {
      const started = performance.now();
      const answer = await get(port, headers, agent);
      note(answer);
      onAnswer(answer, performance.now() - started);
      await sleep(pauseMs, undefined, { ref: false });
    }
    agent.destroy();
  }

  const done = Promise.all(Array.from({ length: clients }, client));
  const totals = () => ({ sent, failed, unfiltered, samples });
  return {
    totals,
    async more(count) {
      const target = sent + count;
      while (sent < target) await sleep(5);
    },
    async stop() {
      running = false;
      // Who waits for the last pause is not to end meanwhile.
      const awake = setInterval(() => {}, 1_000);
      await done;
      clearInterval(awake);
      return totals();
    },
  };
}
