import {
  bodyOf,
  type ExchangeResult,
  type Fault,
  type HostCall,
  type Message,
  message,
  type Plugin,
  Status,
} from "../../../preflight/index.ts";
import type { ExchangeStep, Step } from "../case.ts";
import { headerOf } from "../compare-message.ts";
import { NOTHING_PASSED, type Observed, type Passed, type Running, type Trap } from "../observed.ts";
import type { CaseReplies } from "./replies.ts";

/** Statuses that say no more than that there is nothing. */
const HARMLESS: ReadonlySet<number | undefined> = new Set([undefined, Status.Ok, Status.NotFound, Status.Empty, Status.CasMismatch]);
const NAMES = new Map<number, string>(Object.entries(Status).map(([name, code]) => [code, name]));

/** A proxy answers it with an error. */
export function isRefused({ result, isWasi }: HostCall): boolean {
  return !isWasi && !HARMLESS.has(result);
}

/** What Envoy answers for a filter that has failed. */
const FAILED: Message = message([[":status", "503"]]);

/** A filter of one case, in this process. */
export class SandboxFilter implements Running {
  readonly refused: string | undefined;
  readonly start: Observed;
  private readonly plugin: Plugin;
  private readonly replies: CaseReplies;
  /** Since the step before. */
  private readonly refusals: HostCall[];
  private logged = 0;
  private fault: Fault | undefined;
  private hasEnded = false;

  constructor(plugin: Plugin, replies: CaseReplies, refusals: HostCall[]) {
    this.plugin = plugin;
    this.replies = replies;
    this.refusals = refusals;
    this.refused = plugin.problem?.message;
    if (this.refused === undefined) plugin.settle();
    this.start = this.observe(NOTHING_PASSED);
  }

  async run(step: Step): Promise<Observed> {
    return this.runNow(step);
  }

  /** As `run`: nothing here takes time. */
  runNow(step: Step): Observed {
    if (this.fault !== undefined || this.hasEnded)
      return this.observe(step.kind === "exchange" ? { ...NOTHING_PASSED, response: FAILED } : NOTHING_PASSED);
    switch (step.kind) {
      case "exchange":
        return this.exchange(step);
      case "advance":
        this.plugin.advance(step.ms);
        return this.observe(NOTHING_PASSED);
      case "sharedData":
        this.plugin.setSharedData(step.key, step.value);
        return this.observe(NOTHING_PASSED);
      case "queue":
        return this.enqueue(step.key, step.value);
      case "end":
        this.hasEnded = true;
        this.plugin.shutdown();
        return this.observe(NOTHING_PASSED);
    }
  }

  async sharedData(key: string): Promise<Uint8Array | undefined> {
    return this.sharedDataNow(key);
  }

  sharedDataNow(key: string): Uint8Array | undefined {
    return this.plugin.sharedData(key);
  }

  async stop(): Promise<void> {
    // The garbage collector takes it.
  }

  private exchange({ request, upstream }: ExchangeStep): Observed {
    const result = this.plugin.exchange({ request, response: upstream });
    this.plugin.settle();
    const response = result.broken === undefined ? result.response : brokenAnswer(result.broken.status);
    const isDown = this.plugin.fault() !== undefined && !result.begun && result.broken === undefined;
    return this.observe(
      {
        upstream: result.broken?.direction === "request" ? undefined : result.request,
        response: isDown ? FAILED : response,
        local: result.localReply !== undefined,
        held: result.held?.direction,
      },
      remarksOf(result),
    );
  }

  private enqueue(queue: string, value: Uint8Array): Observed {
    const isThere = this.plugin.enqueue(queue, value);
    this.plugin.settle();
    return this.observe(NOTHING_PASSED, isThere ? [] : [`there is no queue ${queue}: the filter has registered none of this name`]);
  }

  private observe(seen: Passed, remarks: readonly string[] = []): Observed {
    const fresh = this.plugin.logCount() - this.logged;
    this.logged = this.plugin.logCount();
    const trap = this.fault === undefined ? this.plugin.fault() : undefined;
    this.fault ??= trap;
    const refusals = this.refusals.map(describeRefusal);
    this.refusals.length = 0;
    return {
      ...seen,
      trap: trap && trapOf(trap),
      logs: fresh === 0 ? [] : this.plugin.logs().slice(-fresh),
      callouts: this.replies.take(),
      metrics: this.plugin.metrics(),
      isTimed: this.plugin.hasTimer(),
      remarks: [...new Set([...refusals, ...remarks])],
    };
  }
}

function trapOf({ kind, callback, message, errorText, backtrace }: Fault): Trap {
  const verb = { trap: "", crash: "this would crash the proxy: ", limit: "" }[kind];
  return { message: `${verb}${message}${errorText === "" ? "" : `; it said: ${errorText}`}`, callback, stack: backtrace };
}

function describeRefusal({ name, callback, result }: HostCall): string {
  return `${name} in ${callback} was answered ${NAMES.get(result ?? 0) ?? result}`;
}

function brokenAnswer(status: number | undefined): Message | undefined {
  return status === undefined ? undefined : message([[":status", String(status)]]);
}

function remarksOf({ request, response, broken, reset }: ExchangeResult): string[] {
  return [
    ...(broken === undefined ? [] : [broken.message]),
    ...(reset ? ["the filter reset the stream"] : []),
    ...lengthRemark("request", request),
    ...lengthRemark("response", response),
  ];
}

/** A filter that changes a body has to see to its length. */
function lengthRemark(what: string, whole: Message | undefined): string[] {
  const told = whole === undefined ? undefined : headerOf(whole.headers, "content-length");
  if (whole === undefined || told === undefined) return [];
  const { length } = bodyOf(whole);
  if (length === 0 || Number(told) === length) return [];
  return [`the ${what} says content-length ${told}, and its body has ${length} bytes; remove the header where the body changes`];
}
