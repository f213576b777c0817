import type { Message } from "../../preflight/index.ts";
import type { CalloutRule } from "./callout.ts";
import type { Matcher } from "./matcher.ts";

/** The cases of one `*.weir.yaml`. */
export interface CaseFile {
  /** As messages name it. */
  readonly path: string;
  readonly cases: readonly Case[];
}

/** What a filter should do: it is started, and things happen to it one after the other. State goes from each to the next, and not to the next case. */
export interface Case {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly setup: Setup;
  /** In the order in which they are tried. */
  readonly callouts: readonly CalloutRule[];
  /** Expected of the start alone. */
  readonly start: StartExpectation | undefined;
  readonly steps: readonly Step[];
}

/** What a filter is started with. */
export interface Setup {
  /** The text of its configuration. */
  readonly config: string;
  readonly rootId: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly allowOnHeadersStopIteration: boolean;
  /** Where its clock stands at first, in milliseconds since the epoch. `undefined`: the case does not say. */
  readonly clock: number | undefined;
  /** Milliseconds that a client waits for its answer. */
  readonly patience: number;
}

export interface StartExpectation {
  readonly line: number;
  /** It does not start: a wrong configuration. */
  readonly isRefused: boolean;
  readonly expect: Expectation;
}

export type Step = ExchangeStep | AdvanceStep | ShareStep | EndStep;

interface CommonStep {
  readonly line: number;
  readonly expect: Expectation;
}

/** A request, and what the upstream answers to it. */
export interface ExchangeStep extends CommonStep {
  readonly kind: "exchange";
  readonly request: Message;
  readonly upstream: Message;
}

/** Time passes. */
export interface AdvanceStep extends CommonStep {
  readonly kind: "advance";
  readonly ms: number;
}

/** Another filter of the same VM id writes shared data, or puts something into a queue. */
export interface ShareStep extends CommonStep {
  readonly kind: "sharedData" | "queue";
  /** The key, or the queue's name. */
  readonly key: string;
  readonly value: Uint8Array;
}

/** The filter is taken out of the proxy. */
export interface EndStep extends CommonStep {
  readonly kind: "end";
}

/** What a value should be, with the place that says so. */
export interface Expected<T> {
  /** `response.headers.x-hello`. */
  readonly path: string;
  readonly line: number;
  readonly value: T;
}

/** What should come of a step; what is absent is not compared. */
export interface Expectation {
  readonly upstream?: Expected<MessageExpectation | "none">;
  readonly response?: Expected<MessageExpectation | "none">;
  readonly local?: Expected<boolean>;
  readonly held?: Expected<"request" | "response" | "none">;
  /** The message of the trap that ends the filter. */
  readonly trap?: Expected<Matcher>;
  /** Each is looked for after the one before it. */
  readonly logs?: readonly Expected<LogMatcher>[];
  readonly callouts?: Expected<readonly Expected<CalloutExpectation>[]>;
  readonly metrics?: readonly (Expected<Matcher> & { readonly name: string })[];
  readonly sharedData?: readonly (Expected<Matcher> & { readonly name: string })[];
}

export interface MessageExpectation {
  /** `:status`, `:method` and so on stand among them. */
  readonly headers: readonly (Expected<Matcher> & { readonly name: string })[];
  readonly body?: Expected<Matcher>;
  readonly trailers: readonly (Expected<Matcher> & { readonly name: string })[];
}

export interface CalloutExpectation extends MessageExpectation {
  readonly cluster?: Expected<Matcher>;
  /** `package.Service/Method`. */
  readonly grpc?: Expected<Matcher>;
}

export interface LogMatcher {
  readonly level: string | undefined;
  readonly text: Matcher;
}
