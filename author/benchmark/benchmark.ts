import { startCpuTime } from "../../base/cpu-time.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { type Exchange, type Plugin, type PluginOptions, preparePlugin } from "../../preflight/index.ts";
import type { Case, ExchangeStep } from "../cases/case.ts";
import { createReplies } from "../cases/sandbox/replies.ts";
import { pluginOptions, type StartPlugin } from "../cases/sandbox/start.ts";
import { IDLE_MODULE } from "./idle-module.ts";

/** What an exchange takes. */
export interface Benchmark {
  /** Nanoseconds of CPU that an exchange takes in the filter: the median of the rounds, without the host's own work around it. */
  readonly ns: number;
  /** The same with the host's work, of the fastest round, the median one and the slowest. */
  readonly wholeNs: { readonly fastest: number; readonly median: number; readonly slowest: number };
  /** Nanoseconds that the host takes for the same exchange with a filter that does nothing. */
  readonly hostNs: number;
  /** Exchanges that were measured. */
  readonly exchanges: number;
  readonly rounds: number;
  /** Host calls of one exchange, by name, the most frequent first. */
  readonly calls: readonly { readonly name: string; readonly count: number }[];
  /** Pages of 64 KiB that the module has before and after. */
  readonly pages: { readonly before: number; readonly after: number };
}

const ROUNDS = 51;
/** Milliseconds of a round, about. */
const ROUND_MS = 20;
/** Milliseconds until the engine has compiled what is hot. */
const WARM_MS = 400;

/** Sends the first exchange of a case through a module, over and over, on this thread. Fails where the module does not start, or where the filter traps or holds the exchange. */
export function bench(module: Uint8Array, one: Case): Result<Benchmark> {
  const step = one.steps.find((each) => each.kind === "exchange");
  if (step === undefined)
    return fail("NoExchange", `${one.file}:${one.line}: the case has no exchange; name a file whose first case has one`);
  const prepared = preparePlugin(module);
  if (!prepared.ok) return prepared;
  const filter = start(prepared.value, one);
  if (!filter.ok) return filter;
  const problem = problemOf(filter.value, step);
  if (problem !== undefined) return fail("BadExchange", `${one.file}:${step.line}: ${problem}; bench an exchange that goes through`);
  const nothing = preparePlugin(IDLE_MODULE);
  if (!nothing.ok) return nothing;
  const idle = start(nothing.value, one);
  if (!idle.ok) return idle;
  const exchange: Exchange = { request: step.request, response: step.upstream };
  const before = filter.value.memoryPages();
  const { whole, host, exchanges } = measure(filter.value, idle.value, exchange);
  const fault = filter.value.fault();
  if (fault !== undefined) return fail("BadExchange", `the filter ends after many exchanges: ${fault.message}`);
  const calls = countCalls(prepared.value, one, exchange);
  return ok({
    ns: Math.max(0, median(whole.map((ns, round) => ns - (host[round] ?? 0)))),
    wholeNs: { fastest: Math.min(...whole), median: median(whole), slowest: Math.max(...whole) },
    hostNs: median(host),
    exchanges,
    rounds: ROUNDS,
    calls,
    pages: { before, after: filter.value.memoryPages() },
  });
}

function start(startPlugin: StartPlugin, { setup, callouts }: Case, onCall?: PluginOptions["onCall"]): Result<Plugin> {
  const plugin = startPlugin({
    ...pluginOptions(setup, createReplies(callouts)),
    maxLogLines: 1,
    maxHostBytes: Number.MAX_SAFE_INTEGER,
    ...(onCall && { onCall }),
  });
  return plugin.problem === undefined ? ok(plugin) : fail(plugin.problem.reason, `the filter does not start: ${plugin.problem.message}`);
}

function problemOf(plugin: Plugin, { request, upstream }: ExchangeStep): string | undefined {
  const { held } = plugin.exchange({ request, response: upstream });
  const fault = plugin.fault();
  if (fault !== undefined) return `the filter traps: ${fault.message}`;
  return held === undefined ? undefined : `the filter holds the ${held.direction}`;
}

/** Rounds of both, in turns, so that what else the machine does meets both. */
function measure(filter: Plugin, idle: Plugin, exchange: Exchange) {
  const size = warm(filter, exchange);
  warm(idle, exchange);
  const rounds = Array.from({ length: ROUNDS }, () => [run(filter, exchange, size) / size, run(idle, exchange, size) / size] as const);
  return { whole: rounds.map(([ns]) => ns), host: rounds.map(([, ns]) => ns), exchanges: ROUNDS * size };
}

/** Runs until the engine has compiled what is hot. Gives the exchanges of a round. */
function warm(plugin: Plugin, exchange: Exchange): number {
  let size = 1;
  for (let total = 0; total < WARM_MS * 1e6; ) {
    const took = run(plugin, exchange, size);
    total += took;
    if (took < ROUND_MS * 1e6) size *= 2;
  }
  return size;
}

/** Nanoseconds of CPU: the time that other programs take does not count. */
function run(plugin: Plugin, exchange: Exchange, times: number): number {
  const taken = startCpuTime();
  for (let time = 0; time < times; time += 1) plugin.exchange(exchange);
  return taken() * 1e6;
}

function countCalls(startPlugin: StartPlugin, one: Case, exchange: Exchange): Benchmark["calls"] {
  const calls: string[] = [];
  const plugin = start(startPlugin, one, ({ name }) => calls.push(name));
  if (!plugin.ok) return [];
  plugin.value.exchange(exchange);
  // The second one has none of what a filter does the first time.
  calls.length = 0;
  plugin.value.exchange(exchange);
  const counts = Map.groupBy(calls, (name) => name);
  return [...counts].map(([name, all]) => ({ name, count: all.length })).sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
