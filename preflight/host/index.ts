/**
 * A proxy-wasm host in this process: starts a filter, sends requests through it and shows what it did. Preflight runs it in a
 * sandbox; unit tests of filters can use it as it is.
 */
export type { BrokenMessage } from "./broken.ts";
export { describeFault, type Fault } from "./faults.ts";
export type { Pairs } from "./headers.ts";
export type { Exchange, ExchangeResult } from "./http.ts";
export type { LogLine } from "./journal.ts";
export { bodyOf, type Message, message } from "./message.ts";
export type { Metric } from "./metrics.ts";
export { type Plugin, type PluginOptions, startPlugin } from "./plugin.ts";
export { cannedReplies, type GrpcCall, type GrpcReply, type HttpCall, type HttpReply, type Replies } from "./replies.ts";
export type { StartProblem } from "./start.ts";
export type { Connection, ConnectionResult } from "./tcp.ts";
