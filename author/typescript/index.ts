import { readFile } from "node:fs/promises";
import { preparePlugin } from "../../preflight/index.ts";
import type { ExchangeStep, Setup, Step } from "../cases/case.ts";
import type { Observed } from "../cases/observed.ts";
import { DEFAULTS } from "../cases/request.ts";
import type { SandboxFilter } from "../cases/sandbox/filter.ts";
import { startFilter } from "../cases/sandbox/start.ts";
import { FilterRefused, FilterTrap } from "./errors.ts";
import { answerOf, bytesOf, calloutGot, requestGot, requestOf, responseGot } from "./messages.ts";
import { repliesOf } from "./replies.ts";
import type { Exchange, ExchangeGiven, Filter, FilterOptions, LogLine } from "./types.ts";

export { FilterRefused, FilterTrap } from "./errors.ts";
export type * from "./types.ts";

/**
 * Starts a filter in this process, on the host that Weir's server proves modules with. `module` is the path of a `.wasm` file, or its bytes; under `weir test` it is the
 * project's, where it is left out. Rejects with a FilterRefused when it does not start.
 */
export async function loadFilter(module?: string | URL | Uint8Array, options: FilterOptions = {}): Promise<Filter> {
  const prepared = preparePlugin(await bytesFrom(module));
  if (!prepared.ok) throw new FilterRefused(prepared.error.message, []);
  return new TestedFilter(startFilter(prepared.value, setupOf(options), repliesOf(options.callouts)));
}

async function bytesFrom(module: string | URL | Uint8Array | undefined): Promise<Uint8Array> {
  if (module instanceof Uint8Array) return module;
  const path = module ?? process.env.WEIR_MODULE;
  if (path === undefined) throw new TypeError("which module? name its file, or run this test with weir test");
  return readFile(path);
}

function setupOf({ config = "", rootId = "", env = {}, allowOnHeadersStopIteration = false, clock, patience }: FilterOptions): Setup {
  const time = clock === undefined ? undefined : new Date(clock).getTime();
  if (Number.isNaN(time)) throw new TypeError(`${String(clock)} is no time; write it as 2026-01-31T12:00:00Z`);
  return {
    config: typeof config === "string" ? config : JSON.stringify(config),
    rootId,
    env: Object.entries(env).map(([name, value]) => ({ name, value })),
    allowOnHeadersStopIteration,
    clock: time,
    patience: patience ?? DEFAULTS.patience,
  };
}

/** Where a step of a test stands in a file: nowhere. */
const COMMON = { line: 0, expect: {} } as const;

class TestedFilter implements Filter {
  private readonly running: SandboxFilter;
  private readonly lines: LogLine[] = [];
  private last: Observed;

  constructor(running: SandboxFilter) {
    this.running = running;
    this.last = running.start;
    this.lines.push(...running.start.logs);
    if (running.refused !== undefined) throw new FilterRefused(running.refused, this.lines);
    this.throwTrap(running.start);
  }

  get logs(): readonly LogLine[] {
    return [...this.lines];
  }

  get metrics(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.last.metrics.map(({ name, value }) => [name, Number(value)]));
  }

  async exchange(given: ExchangeGiven = {}): Promise<Exchange> {
    const step: ExchangeStep = { ...COMMON, kind: "exchange", request: requestOf(given), upstream: answerOf(given.upstream) };
    const { upstream, response, local, held, logs, callouts, remarks } = this.run(step);
    return {
      upstream: upstream && requestGot(upstream),
      response: response && responseGot(response),
      local,
      held,
      logs,
      callouts: callouts.map(calloutGot),
      remarks,
    };
  }

  async advance(ms: number): Promise<void> {
    this.run({ ...COMMON, kind: "advance", ms });
  }

  sharedData(key: string): string | undefined {
    const bytes = this.running.sharedDataNow(key);
    return bytes && Buffer.from(bytes).toString("utf8");
  }

  setSharedData(key: string, value: string | Uint8Array): void {
    this.run({ ...COMMON, kind: "sharedData", key, value: bytesOf(value) });
  }

  async enqueue(queue: string, value: string | Uint8Array): Promise<void> {
    const [problem] = this.run({ ...COMMON, kind: "queue", key: queue, value: bytesOf(value) }).remarks.filter((remark) =>
      remark.startsWith("there is no queue"),
    );
    if (problem !== undefined) throw new TypeError(problem);
  }

  async end(): Promise<void> {
    this.run({ ...COMMON, kind: "end" });
  }

  private run(step: Step): Observed {
    this.last = this.running.runNow(step);
    this.lines.push(...this.last.logs);
    this.throwTrap(this.last);
    return this.last;
  }

  private throwTrap({ trap }: Observed): void {
    if (trap !== undefined) throw new FilterTrap(trap.message, { callback: trap.callback, functions: trap.stack, logs: this.lines });
  }
}
