import type { AbiVersion } from "../abi/abi.ts";
import { ENVOY_MAX_PAGES } from "../abi/loadable.ts";
import type { WasmBinary } from "../binary/binary.ts";
import { boundMemory } from "../binary/bound.ts";
import {
  createPlugin,
  describeFault,
  type Exchange,
  type ExchangeResult,
  type Fault,
  type Plugin,
  type PluginOptions,
} from "../host/index.ts";
import { compile } from "./compile.ts";
import { answerOf, effectsOf } from "./effects.ts";
import { CONNECTION, EXCHANGES } from "./traffic.ts";

export type Phase = "read" | "compile" | "start" | "configure" | "traffic";

export interface TrialInput {
  readonly code: Uint8Array;
  readonly binary: WasmBinary;
  readonly abi: AbiVersion;
  readonly type: "HTTP" | "Network";
  readonly name: string;
  readonly config: string;
  readonly rootId: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly capabilities: readonly string[];
  readonly allowOnHeadersStopIteration: boolean;
  /** Memory, in pages of 64 KiB, beyond which a module is refused. V8 itself stops it at twice that, or at Envoy's own bound. */
  readonly maxPages: number;
  /** Compile as Envoy does and measure it: see compile.ts. */
  readonly measureLoad: boolean;
}

export interface TrialProblem {
  readonly reason: string;
  readonly message: string;
}

/** What a trial found. `load`: Envoy rejects the module. `traffic`: it loads, and then fails requests. */
export interface TrialReport {
  readonly load: TrialProblem | undefined;
  readonly traffic: TrialProblem | undefined;
  readonly compileMs: number;
  readonly startMs: number;
  /** CPU milliseconds that each proxy spends on loading it; `undefined`: not measured, or it cannot be compiled. */
  readonly loadMs: number | undefined;
  readonly memoryPages: number;
  readonly effects: readonly string[];
  /** Status of each synthetic exchange as a client would see it; `undefined`: no answer. Empty for network filters. */
  readonly answers: readonly (number | undefined)[];
}

const MAX_EFFECTS = 24;
const MAX_EFFECT = 160;

/** Compiles the module, starts it and sends the synthetic traffic through it, in this thread. Calls `enter` as each phase begins. */
export function runTrial(input: TrialInput, enter: (phase: Phase) => void): TrialReport {
  const failed = { traffic: undefined, compileMs: 0, startMs: 0, loadMs: undefined, memoryPages: 0, effects: [], answers: [] };
  const hardPages = Math.min(input.maxPages * 2, ENVOY_MAX_PAGES);
  enter("compile");
  const compiled = compile(boundMemory(input.code, input.binary, hardPages), input.measureLoad);
  if (!compiled.ok) return { ...failed, load: compiled.error };
  const { module, compileMs, loadMs } = compiled.value;
  const before = performance.now();
  const { abi, ...options } = input;
  const start = (more: PluginOptions) => createPlugin(module, input.binary, abi, { ...options, maxPages: hardPages, ...more });
  const plugin = start({ onPhase: enter });
  const load = plugin.problem ?? memoryProblem(plugin, input.maxPages);
  const times = { compileMs, loadMs, startMs: performance.now() - before };
  if (load !== undefined) return { ...failed, ...times, load, memoryPages: plugin.memoryPages() };
  const memoryPages = plugin.memoryPages();
  enter("traffic");
  const { effects, answers, broken, held } = runTraffic(plugin, input.type);
  const fault = plugin.fault();
  const traffic =
    fault === undefined
      ? (broken ?? memoryProblem(plugin, input.maxPages) ?? heldProblem(held, () => start({ allowOnHeadersStopIteration: true })))
      : faultProblem(fault);
  if (traffic === undefined) {
    plugin.shutdown();
    const late = plugin.fault();
    if (late !== undefined) effects.push(describeFault(late));
  }
  return { load, traffic, ...times, memoryPages, effects: shorten(effects), answers };
}

function faultProblem(fault: Fault): TrialProblem {
  return { reason: fault.kind === "crash" ? "ProxyCrash" : "TrafficFailed", message: describeFault(fault) };
}

/** Checked after a phase. V8's own bound is above the limit, so that a module that grows step by step is seen to pass it. */
function memoryProblem(plugin: Plugin, maxPages: number): TrialProblem | undefined {
  const pages = plugin.memoryPages();
  if (pages <= maxPages) return undefined;
  const size = (count: number): string => `${count} pages of memory (${Math.round(count / 16)} MiB)`;
  return { reason: "MemoryLimit", message: `the module took ${size(pages)}; the limit is ${size(maxPages)}` };
}

/**
 * A message that waits for its body for good, because the proxy keeps the body back with the headers. `start`: the plugin anew, where it does not: only
 * if the message goes on there is it the setting that is missing.
 */
function heldProblem(held: Sent | undefined, start: () => Plugin): TrialProblem | undefined {
  if (held === undefined) return undefined;
  const plugin = start();
  if (plugin.problem !== undefined) return undefined;
  const result = plugin.exchange(held.exchange);
  if (result.held !== undefined || result.broken !== undefined || (result.response ?? result.localReply) === undefined) return undefined;
  const message =
    `${held.title}: the filter holds the ${held.result.held?.direction}'s headers until it has read the body, which the proxy keeps back with them: ` +
    "it would hang for good; set spec.allowOnHeadersStopIteration to true";
  return { reason: "HeadersHeld", message };
}

/** An exchange, and what became of it. */
interface Sent {
  readonly title: string;
  readonly exchange: Exchange;
  readonly result: ExchangeResult;
}

interface Traffic {
  readonly effects: string[];
  readonly answers: (number | undefined)[];
  /** A message that the plugin made and that cannot be sent. */
  readonly broken: TrialProblem | undefined;
  /** A message whose body was stopped with its headers, while nothing that the plugin asked for could let it go on. */
  readonly held: Sent | undefined;
}

function runTraffic(plugin: Plugin, type: TrialInput["type"]): Traffic {
  plugin.tick();
  const traffic = type === "Network" ? runTcp(plugin) : runHttp(plugin);
  plugin.tick();
  const logged = plugin.logCount();
  const { effects } = traffic;
  effects.push(...plugin.notes(), ...plugin.metrics().map(({ type: kind, name }) => `defines ${kind} ${name}`));
  if (logged > 0) effects.push(`logs ${logged} line${logged === 1 ? "" : "s"}; the last: ${plugin.logs().at(-1)?.text ?? ""}`);
  return traffic;
}

function runTcp(plugin: Plugin): Traffic {
  const effects: string[] = [];
  const { downstream, upstream } = plugin.connection(CONNECTION);
  if (downstream === undefined) effects.push("connection: holds or closes it before the upstream");
  else if (Buffer.compare(downstream, CONNECTION.downstream) !== 0) effects.push("connection: changes what the client sends");
  if (downstream !== undefined && upstream === undefined) effects.push("connection: holds or closes it before the client");
  else if (upstream !== undefined && Buffer.compare(upstream, CONNECTION.upstream) !== 0)
    effects.push("connection: changes what the upstream sends");
  return { effects, answers: [], broken: undefined, held: undefined };
}

function runHttp(plugin: Plugin): Traffic {
  const effects: string[] = [];
  const answers: (number | undefined)[] = [];
  let broken: TrialProblem | undefined;
  let held: Sent | undefined;
  for (const { title, exchange } of EXCHANGES) {
    if (plugin.fault() !== undefined) {
      answers.push(plugin.fault()?.kind === "crash" ? undefined : 503);
      continue;
    }
    const result = plugin.exchange(exchange);
    effects.push(...effectsOf(exchange, result).map((line) => `${title}: ${line}`));
    answers.push(answerOf(result, plugin.fault()));
    if (result.broken !== undefined) broken ??= { reason: "BrokenMessage", message: `${title}: ${result.broken.message}` };
    if (result.held?.withBody === true && !plugin.hasAsked()) held ??= { title, exchange, result };
  }
  return { effects, answers, broken, held };
}

function shorten(effects: readonly string[]): string[] {
  const lines = effects.map((line) => line.replace(/\s+/g, " ").slice(0, MAX_EFFECT));
  if (lines.length <= MAX_EFFECTS) return lines;
  return [...lines.slice(0, MAX_EFFECTS - 1), `and ${lines.length - MAX_EFFECTS + 1} more`];
}
