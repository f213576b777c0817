/**
 * A proxy-wasm host in this process: starts a filter, sends requests through it and shows what it did. Preflight runs it in a
 * sandbox. Unit tests of filters can use it directly.
 */

export { createPlugin, type Plugin, type PluginOptions } from "./plugin.ts";
export type { StartProblem } from "./start.ts";
export type { ClockOptions } from "./state/clock.ts";
export { describeFault, type Fault } from "./state/faults.ts";
export type { HostCall } from "./state/host.ts";
export type { LogLine } from "./state/journal.ts";
export type { Metric } from "./state/metrics.ts";
export type { BrokenMessage } from "./traffic/broken.ts";
export type { Exchange, ExchangeResult } from "./traffic/http.ts";
export type { Connection, ConnectionResult } from "./traffic/tcp.ts";
export { headerChanges, type Pairs } from "./values/headers.ts";
export { bodyOf, type Message, message } from "./values/message.ts";
export {
  cannedReplies,
  type GrpcCall,
  type GrpcReply,
  grpcFailure,
  type HttpCall,
  type HttpReply,
  localReply,
  type Replies,
} from "./values/replies.ts";
export { LOG_LEVELS, type LogLevel, Status } from "./values/status.ts";
