import { count } from "../../base/text.ts";
import type { PluginConfiguration } from "../../model/plugin-configuration.ts";
import type { ProofSettings } from "../../model/proof.ts";
import type { FilterType } from "../../model/settings.ts";
import type { ProofProblem } from "../../model/verdict.ts";
import type { AbiVersion } from "../abi/abi.ts";
import { ENVOY_MAX_PAGES } from "../abi/loadable.ts";
import type { WasmBinary } from "../binary/binary.ts";
import { boundMemory } from "../binary/bound.ts";
import { createPlugin, describeFault, type Plugin, type PluginOptions } from "../host/index.ts";
import { compile } from "./compile.ts";
import { runHttp, type Start } from "./http-traffic.ts";
import { memoryProblem } from "./memory.ts";
import { samplesOf } from "./samples.ts";
import { runTcp } from "./tcp-traffic.ts";
import type { Traffic } from "./traffic.ts";

export type Phase = "read" | "compile" | "start" | "configure" | "traffic";

/** How a module is run. */
export interface TrialSettings extends PluginConfiguration, ProofSettings {
  readonly type: FilterType;
  readonly rootId: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  /** The names as Envoy gets them. */
  readonly capabilities: readonly string[];
  readonly allowOnHeadersStopIteration: boolean;
  /** Memory, in pages of 64 KiB, beyond which a module is refused. V8 itself stops it at twice that, or at Envoy's own bound. */
  readonly maxPages: number;
  /** Compile as Envoy does, every function with the optimizing compiler, and measure it. Else compile as V8 does by default, which is quick. See compile.ts. */
  readonly measureLoad: boolean;
}

export interface TrialInput extends TrialSettings {
  readonly code: Uint8Array;
  readonly binary: WasmBinary;
  readonly abi: AbiVersion;
  readonly name: string;
}

/** What a trial found. `load`: Envoy rejects the module. `traffic`: it loads, and is refused for what it does then. `told`: it fails requests, and is not. */
export interface TrialReport {
  readonly load: ProofProblem | undefined;
  readonly traffic: ProofProblem | undefined;
  readonly told: ProofProblem | undefined;
  readonly compileMs: number;
  readonly startMs: number;
  /** CPU milliseconds that each proxy spends on loading it; `undefined`: not measured, or it cannot be compiled. */
  readonly loadMs: number | undefined;
  readonly memoryPages: number;
  readonly effects: readonly string[];
  /** Status of each exchange as a client would see it; `undefined`: no answer. Empty for network filters. */
  readonly answers: readonly (number | undefined)[];
}

const MAX_EFFECTS = 24;
const MAX_EFFECT = 160;

/** Compiles the module, starts it and sends the requests of the proof through it, in this thread. Calls `enter` as each phase begins. */
export function runTrial(input: TrialInput, enter: (phase: Phase) => void): TrialReport {
  const failed = {
    traffic: undefined,
    told: undefined,
    compileMs: 0,
    startMs: 0,
    loadMs: undefined,
    memoryPages: 0,
    effects: [],
    answers: [],
  };
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
  const { plugin: last, effects, answers, ...problems } = sendTraffic(plugin, input, start);
  effects.push(...sideEffects(last));
  const fatal = problems.fatal ?? memoryProblem(last, input.maxPages);
  if (last.fault() === undefined) {
    last.shutdown();
    const late = last.fault();
    if (late !== undefined) effects.push(describeFault(late));
  }
  const isTold = fatal === undefined && input.traffic === "Report";
  const verdict = isTold ? { traffic: undefined, told: problems.failing } : { traffic: fatal ?? problems.failing, told: undefined };
  return { load, ...verdict, ...times, memoryPages, effects: shorten(effects), answers };
}

function sendTraffic(plugin: Plugin, { type, requests, traffic, maxPages }: TrialInput, start: Start): Traffic {
  if (type === "Network") return runTcp(plugin);
  return runHttp(plugin, { samples: samplesOf(requests), start, maxPages, goOn: traffic === "Report" });
}

/** What the plugin did besides what its requests show. */
function sideEffects(plugin: Plugin): string[] {
  const logged = plugin.logCount();
  const log = logged === 0 ? [] : [`logs ${count(logged, "line")}; the last: ${plugin.logs().at(-1)?.text ?? ""}`];
  return [...plugin.notes(), ...plugin.metrics().map(({ type, name }) => `defines ${type} ${name}`), ...log];
}

function shorten(effects: readonly string[]): string[] {
  const lines = effects.map((line) => line.replace(/\s+/g, " ").slice(0, MAX_EFFECT));
  if (lines.length <= MAX_EFFECTS) return lines;
  return [...lines.slice(0, MAX_EFFECTS - 1), `and ${lines.length - MAX_EFFECTS + 1} more`];
}
