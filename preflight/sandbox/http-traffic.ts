import type { ProofProblem } from "../../model/verdict.ts";
import type { ExchangeResult, Plugin } from "../host/index.ts";
import { answerOf, effectsOf } from "./effects.ts";
import { memoryProblem } from "./memory.ts";
import type { Sample } from "./samples.ts";
import { problemOf, type Traffic } from "./traffic.ts";

/** Starts the plugin anew. */
export type Start = (how: { readonly allowOnHeadersStopIteration?: boolean }) => Plugin;

export interface HttpTrafficOptions {
  readonly samples: readonly Sample[];
  readonly start: Start;
  /** Memory of all plugins together, in pages of 64 KiB. */
  readonly maxPages: number;
  /** After a trap the rest is sent to the plugin started anew, as a proxy does: the next request may do worse. Else the first trap is the end. */
  readonly goOn: boolean;
}

/** CPU milliseconds that starting anew may take in all: the time of the phase is for the requests. */
const RESTARTS_MS = 2000;

/** Sends the requests one after the other, with ticks before and after. */
export function runHttp(first: Plugin, options: HttpTrafficOptions): Traffic {
  return new HttpTraffic(first, options).run();
}

class HttpTraffic {
  private plugin: Plugin;
  private readonly options: HttpTrafficOptions;
  private readonly effects: string[] = [];
  private readonly answers: (number | undefined)[] = [];
  private failing: ProofProblem | undefined;
  private fatal: ProofProblem | undefined;
  private restartsMs = 0;
  /** Of the plugins that failed. */
  private usedPages = 0;

  constructor(plugin: Plugin, options: HttpTrafficOptions) {
    this.plugin = plugin;
    this.options = options;
  }

  run(): Traffic {
    this.plugin.tick();
    this.judgeFault("its timers");
    for (const sample of this.options.samples) this.send(sample);
    if (this.fatal === undefined && this.isUp()) {
      this.plugin.tick();
      this.judgeFault("its timers");
    }
    const { plugin, effects, answers, fatal, failing } = this;
    return { plugin, effects, answers, fatal, failing };
  }

  private send(sample: Sample): void {
    if (this.fatal !== undefined || !this.isUp()) {
      this.answers.push(this.fatal === undefined ? 503 : undefined);
      return;
    }
    const { title, exchange } = sample;
    const result = this.plugin.exchange(exchange);
    this.effects.push(...effectsOf(exchange, result).map((line) => `${title}: ${line}`));
    this.answers.push(answerOf(result, this.plugin.fault()));
    this.judgeFault(title);
    if (result.broken !== undefined) this.failing ??= { reason: "BrokenMessage", message: `${title}: ${result.broken.message}` };
    if (result.held?.withBody === true && !this.plugin.hasAsked()) this.failing ??= this.missingSetting(sample, result);
  }

  /** False where the VM failed and is not started again. What was asked to go on and cannot is refused: nobody knows what the rest would do. */
  private isUp(): boolean {
    if (this.plugin.fault() === undefined) return true;
    if (!this.options.goOn) return false;
    this.usedPages += this.plugin.memoryPages();
    if (2 * this.usedPages <= this.options.maxPages) {
      const plugin = this.startAnew({});
      if (plugin !== undefined) {
        this.plugin = plugin;
        return true;
      }
    }
    const { reason = "TrafficFailed", message = "" } = this.failing ?? {};
    const rest = this.options.samples.length - this.answers.length;
    const what = rest === 0 ? "its timers" : `${rest} of the requests`;
    this.fatal = { reason, message: `${message}; ${what} could not be tried after it: starting the module anew fails or takes too much` };
    return false;
  }

  /** `undefined`: it does not start, or starting took too long before. */
  private startAnew(how: Parameters<Start>[0]): Plugin | undefined {
    if (this.restartsMs > RESTARTS_MS) return undefined;
    const before = process.cpuUsage();
    const plugin = this.options.start(how);
    const { user, system } = process.cpuUsage(before);
    this.restartsMs += (user + system) / 1000;
    return plugin.problem === undefined && plugin.fault() === undefined ? plugin : undefined;
  }

  private judgeFault(title: string): void {
    const { fatal, failing } = problemOf(this.plugin.fault(), title);
    this.failing ??= failing;
    this.fatal ??= fatal ?? memoryProblem(this.plugin, this.options.maxPages);
  }

  /**
   * A message that waits for its body for good, because the proxy keeps the body back with the headers. Only if it goes on in a plugin that was started where
   * the proxy does not, it is the setting that is missing.
   */
  private missingSetting({ title, exchange }: Sample, { held }: ExchangeResult): ProofProblem | undefined {
    const result = this.startAnew({ allowOnHeadersStopIteration: true })?.exchange(exchange);
    if (
      result === undefined ||
      result.held !== undefined ||
      result.broken !== undefined ||
      (result.response ?? result.localReply) === undefined
    )
      return undefined;
    const message =
      `${title}: the filter holds the ${held?.direction}'s headers until it has read the body, which the proxy keeps back with them: ` +
      "it would hang for good; set spec.allowOnHeadersStopIteration to true";
    return { reason: "HeadersHeld", message };
  }
}
