/** Headers or trailers to send: names in any case; a name that comes more than once has a list of values. */
export type HeadersGiven = Readonly<Record<string, string | readonly string[]>>;

/** Headers or trailers that came: names in lower case; several values of one name are joined with `, `. */
export type HeadersGot = Readonly<Record<string, string>>;

/** How a filter is started. */
export interface FilterOptions {
  /** Its configuration: a text as it is, anything else as JSON. Default: empty. */
  readonly config?: unknown;
  /** Which of the module's root contexts runs, where it registers several. */
  readonly rootId?: string;
  /** Environment variables that the module sees. */
  readonly env?: Readonly<Record<string, string>>;
  /** Envoy's `allow_on_headers_stop_iteration`: the filter may hold headers while it reads the body. Default: false, as there. */
  readonly allowOnHeadersStopIteration?: boolean;
  /** Where its clock stands at first. It stands still: `advance` moves it. Default: 2026-01-01T00:00:00Z. */
  readonly clock?: Date | string;
  /** Milliseconds that a client waits for the answer of an exchange that the filter holds, in the time of the clock. Default: 5000. */
  readonly patience?: number;
  /** What other services answer to the filter's calls. `undefined`: there is no such cluster, and the call is refused. Default: no cluster is there. */
  readonly callouts?: (call: Callout) => CalloutAnswer | undefined;
}

/** A call that the filter made to another service. */
export interface Callout {
  readonly cluster: string;
  /** `package.Service/Method`; `undefined`: the call is HTTP. */
  readonly grpc: string | undefined;
  /** Of HTTP; empty for gRPC. */
  readonly method: string;
  readonly path: string;
  readonly host: string;
  /** Without those that begin with a colon; of gRPC the metadata. */
  readonly headers: HeadersGot;
  /** As UTF-8 text. Of gRPC: all messages, one after the other. */
  readonly body: string;
  /** Of HTTP: the body, where it is not empty. Of gRPC: a message each. */
  readonly messages: readonly Uint8Array[];
  readonly trailers: HeadersGot;
  /** Milliseconds that the filter waits for the answer. */
  readonly timeout: number;
}

/** What a service answers. */
export type CalloutAnswer = HttpAnswer | GrpcAnswer | CalloutFailure;

export interface HttpAnswer {
  /** Default: 200. */
  readonly status?: number;
  readonly headers?: HeadersGiven;
  readonly body?: string | Uint8Array;
  readonly trailers?: HeadersGiven;
  /** Milliseconds until the answer comes. Default: 0. */
  readonly delay?: number;
}

export interface GrpcAnswer {
  /** The status: https://grpc.github.io/grpc/core/md_doc_statuscodes.html. */
  readonly grpc: number;
  readonly message?: string;
  readonly messages?: readonly (string | Uint8Array)[];
  readonly metadata?: HeadersGiven;
  readonly trailers?: HeadersGiven;
  /** Milliseconds until the answer comes. Default: 0. */
  readonly delay?: number;
}

/** `timeout`: no answer comes; `refused`: nobody listens; `reset`: the connection breaks, of HTTP. */
export interface CalloutFailure {
  readonly failure: "timeout" | "refused" | "reset";
}

/** A request, and what the upstream answers to it. */
export interface ExchangeGiven {
  /** Default: GET. */
  readonly method?: string;
  /** Default: /. */
  readonly path?: string;
  /** Default: example.com. */
  readonly host?: string;
  /** Default: http. */
  readonly scheme?: "http" | "https";
  readonly headers?: HeadersGiven;
  readonly body?: string | Uint8Array;
  /** The body in pieces, as the filter sees it arrive, in the place of `body`. */
  readonly chunks?: readonly (string | Uint8Array)[];
  readonly trailers?: HeadersGiven;
  /** Default: 200 without a body. */
  readonly upstream?: AnswerGiven;
}

export interface AnswerGiven {
  /** Default: 200. */
  readonly status?: number;
  readonly headers?: HeadersGiven;
  readonly body?: string | Uint8Array;
  /** The body in pieces, in the place of `body`. */
  readonly chunks?: readonly (string | Uint8Array)[];
  readonly trailers?: HeadersGiven;
}

/** What came of an exchange. */
export interface Exchange {
  /** What the upstream received; `undefined`: the request did not reach it. */
  readonly upstream: RequestGot | undefined;
  /** What the client received; `undefined`: no whole response. */
  readonly response: ResponseGot | undefined;
  /** The filter answered by itself. */
  readonly local: boolean;
  /** The filter held this message until the client gave up. */
  readonly held: "request" | "response" | undefined;
  /** What the filter logged meanwhile. */
  readonly logs: readonly LogLine[];
  /** The calls that it made meanwhile. */
  readonly callouts: readonly Callout[];
  /** Host calls that were refused, and what would break in a proxy. Empty: nothing to say. */
  readonly remarks: readonly string[];
}

export interface MessageGot {
  /** Without those that begin with a colon. */
  readonly headers: HeadersGot;
  /** The same as pairs, in order, each value by itself. */
  readonly allHeaders: readonly (readonly [name: string, value: string])[];
  /** As UTF-8 text. */
  readonly body: string;
  /** The same as bytes. */
  readonly bytes: Uint8Array;
  readonly trailers: HeadersGot;
}

export interface RequestGot extends MessageGot {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly scheme: string;
}

export interface ResponseGot extends MessageGot {
  readonly status: number;
}

export interface LogLine {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "critical";
  readonly text: string;
}

/** A filter that runs. Its state goes from one exchange to the next. */
export interface Filter {
  /** Sends a request through the filter, and the upstream's answer back. Rejects with a FilterTrap when the filter traps; then it answers nothing any more. */
  exchange(exchange?: ExchangeGiven): Promise<Exchange>;
  /** Moves the clock by so many milliseconds: timers fire and answers of services come, each at its time. Rejects as `exchange` does. */
  advance(ms: number): Promise<void>;
  /** All that it logged since it started. */
  readonly logs: readonly LogLine[];
  /** Its metrics by name; of a histogram the sum. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Shared data under a key, as UTF-8 text; `undefined`: there is none. */
  sharedData(key: string): string | undefined;
  /** Writes shared data, as another filter does. */
  setSharedData(key: string, value: string | Uint8Array): void;
  /** Puts something into a queue that the filter has registered, as another filter does. Rejects when there is no such queue, or when the filter traps. */
  enqueue(queue: string, value: string | Uint8Array): Promise<void>;
  /** Takes the filter out: `proxy_on_done` and `proxy_on_delete` of its root. */
  end(): Promise<void>;
}
