import type { Fault, HttpCall, LogLine, Message, Metric } from "../../preflight/index.ts";
import type { CalloutRule } from "./callout.ts";
import type { Setup, Step } from "./case.ts";

/** A call that the filter made to another service. */
export interface ObservedCall {
  readonly cluster: string;
  /** `package.Service/Method`; `undefined`: of HTTP. */
  readonly grpc: string | undefined;
  /** Of gRPC: its metadata as headers, its messages as the body's chunks. */
  readonly message: Message;
  readonly timeoutMs: HttpCall["timeoutMs"];
  /** Nobody listened. */
  readonly isUnheard?: boolean;
}

/** What came of an exchange for those at its ends. */
export interface Passed {
  /** What the upstream received; `undefined`: nothing, or the step is no exchange. */
  readonly upstream: Message | undefined;
  /** What the client received; `undefined`: no whole response. */
  readonly response: Message | undefined;
  /** The filter answered by itself. */
  readonly local: boolean;
  /** The filter held the message until the client's patience ended. */
  readonly held: "request" | "response" | undefined;
}

/** Nothing passed: the step is no exchange. */
export const NOTHING_PASSED: Passed = { upstream: undefined, response: undefined, local: false, held: undefined };

/** What came of a step. */
export interface Observed extends Passed {
  /** What ended the filter, in this step. */
  readonly trap: Trap | undefined;
  /** Lines logged since the step before. */
  readonly logs: readonly LogLine[];
  /** Calls made since the step before. */
  readonly callouts: readonly ObservedCall[];
  /** All metrics of the filter, as they are now. */
  readonly metrics: readonly Metric[];
  /** Host calls that were refused, and what would break in a proxy: what `--strict` lists besides what the case does not name. */
  readonly remarks: readonly string[];
  /** A timer of the filter runs: what it does comes when its time has come. */
  readonly isTimed: boolean;
}

export interface Trap {
  /** One line, in V8's words or Envoy's. */
  readonly message: string;
  readonly callback: Fault["callback"];
  /** Functions, innermost first. Empty where the module has no names. */
  readonly stack: readonly string[];
}

/** A filter that a case has started. */
export interface Running {
  /** Why it did not start. */
  readonly refused: string | undefined;
  /** What happened while it started. */
  readonly start: Observed;
  run(step: Step): Promise<Observed>;
  /** Bytes under a key of the shared data; `undefined`: none, or this place cannot look. */
  sharedData(key: string): Promise<Uint8Array | undefined>;
  stop(): Promise<void>;
}

/** A place where cases run: the sandbox, or a real Envoy. */
export interface CaseHost {
  /** For people: `the sandbox`, `Envoy 1.40.0`. */
  readonly name: string;
  /** Why it cannot run a case, for instance because it cannot stop the time; `undefined`: it can. */
  cannot(setup: Setup, steps: readonly Step[], callouts: readonly CalloutRule[]): string | undefined;
  start(setup: Setup, callouts: readonly CalloutRule[]): Promise<Running>;
}
