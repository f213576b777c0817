import { setTimeout as sleep } from "node:timers/promises";
import type { Metric } from "../../../preflight/index.ts";
import type { ExchangeStep, Step } from "../case.ts";
import { NOTHING_PASSED, type Observed, type Passed, type Running } from "../observed.ts";
import type { CaseEnvoy } from "./envoy.ts";
import { type EnvoyLine, loggedBy, trapIn } from "./log.ts";
import { metricsSince, readMetrics } from "./metrics.ts";

/** Milliseconds that a timer may be late. */
const LATE_MS = 40;
/** Details of responses that the filter did not make: https://github.com/envoyproxy/envoy/blob/main/envoy/stream_info/stream_info.h, ResponseCodeDetailValues. */
const NOT_LOCAL =
  /^(via_upstream|wasm_fail_stream|route_not_found|missing_|filter_removed_|upstream_|http[12]\.|codec_|cluster_not_found|no_healthy)/;

export interface StartedFilter {
  readonly envoy: CaseEnvoy;
  /** How the log lines of its VM begin. */
  readonly prefixes: readonly string[];
  readonly refused: string | undefined;
  /** Before it was loaded. */
  readonly metrics: readonly Metric[];
  readonly patience: number;
  /** Where its lines begin in the log. */
  readonly from: number;
}

/** A filter of one case, in a real Envoy. */
export class EnvoyFilter implements Running {
  readonly refused: string | undefined;
  readonly start: Observed;
  private readonly given: StartedFilter;
  /** Lines of the log that are told. */
  private at: number;
  private readonly loaded: readonly Metric[];
  private hasTrapped = false;

  private constructor(given: StartedFilter, at: number, loaded: readonly Metric[], start: Observed) {
    this.at = at;
    this.given = given;
    this.loaded = loaded;
    this.refused = given.refused;
    this.start = start;
  }

  /** One that is refused ran on the main thread alone. */
  static async of(given: StartedFilter): Promise<EnvoyFilter> {
    const { envoy, from, prefixes, refused } = given;
    const lines = envoy.parts.journal.lines.slice(from);
    const tells = (line: EnvoyLine) => loggedBy(line, prefixes) !== undefined || trapIn(line) !== undefined;
    const thread = refused === undefined ? envoy.parts.worker : lines.find(tells)?.thread;
    const loaded = await readMetrics(envoy.parts.running);
    const metrics = metricsSince(given.metrics, loaded, loaded);
    return new EnvoyFilter(given, from + lines.length, loaded, {
      ...NOTHING_PASSED,
      ...toldBy(lines, thread, prefixes),
      metrics,
      callouts: envoy.callouts.take(),
      remarks: [],
      isTimed: false,
    });
  }

  run(step: Step): Promise<Observed> {
    return this.given.envoy.during(() => this.take(step));
  }

  private async take(step: Step): Promise<Observed> {
    switch (step.kind) {
      case "exchange":
        return this.exchange(step);
      case "advance":
        await sleep(step.ms + LATE_MS);
        return this.observe(NOTHING_PASSED);
      case "end":
        await this.given.envoy.unload();
        return this.observe(NOTHING_PASSED);
      default:
        throw new Error(`Envoy cannot do ${step.kind}`);
    }
  }

  async sharedData(): Promise<undefined> {
    return undefined;
  }

  async stop(): Promise<void> {
    const { envoy } = this.given;
    await envoy.during(() => envoy.unload());
  }

  private async exchange({ request, upstream }: ExchangeStep): Promise<Observed> {
    const { envoy, patience } = this.given;
    const { got, received, details } = await envoy.exchange(request, upstream, patience);
    const hasAnswered = got.response !== undefined;
    return this.observe({
      upstream: received,
      response: got.response,
      local: hasAnswered && details !== undefined && !NOT_LOCAL.test(details),
      held: got.isLate ? (received === undefined ? "request" : "response") : undefined,
    });
  }

  private async observe(seen: Passed): Promise<Observed> {
    const { envoy, prefixes, metrics } = this.given;
    await envoy.settle();
    const fresh = envoy.parts.journal.lines.slice(this.at);
    this.at += fresh.length;
    const { trap, logs } = toldBy(fresh, envoy.parts.worker, prefixes);
    const isNew = !this.hasTrapped;
    this.hasTrapped ||= trap !== undefined;
    return {
      ...seen,
      trap: isNew ? trap : undefined,
      logs,
      callouts: envoy.callouts.take(),
      metrics: metricsSince(metrics, this.loaded, await readMetrics(envoy.parts.running)),
      remarks: [],
      isTimed: false,
    };
  }
}

/** What lines of this thread tell of the filter. */
function toldBy(lines: readonly EnvoyLine[], thread: string | undefined, prefixes: readonly string[]): Pick<Observed, "logs" | "trap"> {
  const own = lines.filter((line) => line.thread === thread);
  return {
    logs: own.flatMap((line) => loggedBy(line, prefixes) ?? []),
    trap: own.map(trapIn).find((found) => found !== undefined),
  };
}
