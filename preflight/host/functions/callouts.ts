import { nanosecondsOf } from "../state/clock.ts";
import { rootOf } from "../state/context.ts";
import { ProxyCrash } from "../state/faults.ts";
import type { Host, HostFunction } from "../state/host.ts";
import { createHeaderMap, decodePairs } from "../values/headers.ts";
import { readFields, textOf } from "../values/protobuf.ts";
import {
  GRPC_TIMEOUT_REPLY,
  type GrpcCall,
  type GrpcReply,
  type HttpCall,
  type HttpReply,
  type NoReply,
  TIMEOUT_REPLY,
} from "../values/replies.ts";
import { Status } from "../values/status.ts";

type Span = readonly [pointer: number, size: number];
type Twelve = [number, number, number, number, number, number, number, number, number, number, number, number];

/** HTTP and gRPC calls of the plugin. They are recorded here and answered between callbacks (delivery.ts). */
export function calloutFunctions(host: Host): Record<string, HostFunction> {
  const { memory, calls } = host;
  const put = (tokenTo: number, token: number): number => (memory.setWord(tokenTo, token) ? Status.Ok : Status.InvalidMemoryAccess);
  return {
    proxy_http_call(...args: [...Span, ...Span, ...Span, ...Span, timeout: number, tokenTo: number]) {
      const [up, us, hp, hs, bp, bs, tp, ts, timeoutMs, tokenTo] = args;
      const cluster = memory.text(up, us);
      const headers = memory.read(hp, hs);
      const body = memory.read(bp, bs);
      const trailers = memory.read(tp, ts);
      if (cluster === undefined || headers === undefined || body === undefined || trailers === undefined) return Status.InvalidMemoryAccess;
      const call = { cluster, headers: decodePairs(headers), body, trailers: decodePairs(trailers), timeoutMs };
      if (!memory.setWord(tokenTo, 0)) return Status.InvalidMemoryAccess;
      const token = startHttp(host, call);
      return token === undefined ? Status.BadArgument : put(tokenTo, token);
    },
    proxy_grpc_call(...[cp, cs, sp, ss, mp, ms, ip, is, rp, rs, timeoutMs, tokenTo]: Twelve) {
      const message = memory.read(rp, rs);
      const call = readGrpc(host, [cp, cs], [sp, ss], [mp, ms], [ip, is]);
      if (message === undefined || call === undefined) return Status.InvalidMemoryAccess;
      return putGrpc(host, { ...call, messages: [message], streaming: false, timeoutMs }, tokenTo);
    },
    proxy_grpc_stream(...args: [...Span, ...Span, ...Span, ...Span, tokenTo: number]) {
      const [cp, cs, sp, ss, mp, ms, ip, is, tokenTo] = args;
      const call = readGrpc(host, [cp, cs], [sp, ss], [mp, ms], [ip, is]);
      if (call === undefined) return Status.InvalidMemoryAccess;
      return putGrpc(host, { ...call, messages: [], streaming: true, timeoutMs: 0 }, tokenTo);
    },
    proxy_grpc_send(token: number, pointer: number, size: number) {
      const message = memory.read(pointer, size);
      if (message === undefined) return Status.InvalidMemoryAccess;
      if ((token & 3) !== 2) return Status.BadArgument;
      const found = calls.find(token);
      if (found?.kind !== "grpc") return Status.NotFound;
      found.call.messages.push(message);
      return Status.Ok;
    },
    proxy_grpc_close: (token: number) => drop(host, token),
    proxy_grpc_cancel: (token: number) => drop(host, token),
  };
}

function drop(host: Host, token: number): number {
  if ((token & 3) !== 1 && (token & 3) !== 2) return Status.BadArgument;
  return host.calls.remove(token) ? Status.Ok : Status.NotFound;
}

/** Envoy accepts a call only when it knows the cluster and the call has method, path and authority. */
function startHttp(host: Host, call: HttpCall): number | undefined {
  const headers = createHeaderMap(call.headers);
  const complete = [":method", ":path", ":authority"].every((name) => headers.get(name) !== undefined);
  const reply = complete ? host.options.replies.http(call) : "unknown";
  if (reply === "unknown") return undefined;
  host.options.journal.note(`calls cluster ${call.cluster}: ${headers.get(":method")} ${headers.get(":path")}`);
  const contextId = rootOf(host.context()).id;
  return host.calls.http({ contextId, call, ...inTime(host, reply, call.timeoutMs, TIMEOUT_REPLY) });
}

function readGrpc(
  host: Host,
  service: Span,
  name: Span,
  method: Span,
  metadata: Span,
): Pick<GrpcCall, "service" | "cluster" | "method" | "metadata"> | undefined {
  const { memory } = host;
  const target = memory.read(...service);
  const serviceName = memory.text(...name);
  const methodName = memory.text(...method);
  const pairs = memory.read(...metadata);
  if (target === undefined || serviceName === undefined || methodName === undefined || pairs === undefined) return undefined;
  const full = `${serviceName}/${methodName}`;
  host.charge(full.length);
  return { service: target, cluster: clusterOf(target), method: full, metadata: decodePairs(pairs) };
}

function putGrpc(host: Host, given: GrpcCall, tokenTo: number): number {
  const call = { ...given, messages: [...given.messages] };
  host.options.journal.note(`calls gRPC ${call.method}`);
  const reply = call.streaming ? undefined : host.options.replies.grpc(call);
  if (reply === "unknown") return Status.ParseFailure;
  const timeoutMs = call.streaming ? Number.POSITIVE_INFINITY : call.timeoutMs;
  const contextId = rootOf(host.context()).id;
  const token = host.calls.grpc({ contextId, call, ...inTime(host, reply, timeoutMs, GRPC_TIMEOUT_REPLY) });
  return host.memory.setWord(tokenTo, token) ? Status.Ok : Status.InvalidMemoryAccess;
}

/** What comes of a call, and when. `late`: what comes where the answer takes as long as the timeout. Without a clock that a test moves, no time passes. */
function inTime<R extends HttpReply | GrpcReply | NoReply | undefined>(
  host: Host,
  reply: R,
  timeoutMs: number,
  late: R,
): { readonly reply: R; readonly dueAt: bigint | undefined } {
  const { clock } = host.options;
  if (clock === undefined) return { reply, dueAt: undefined };
  const delay = reply === "silence" ? Number.POSITIVE_INFINITY : typeof reply === "object" ? (reply.delayMs ?? 0) : 0;
  return { reply: delay < timeoutMs ? reply : late, dueAt: clock.now() + nanosecondsOf(Math.min(delay, timeoutMs)) };
}

/** Fields of GrpcService: https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/core/v3/grpc_service.proto */
const LAST_KNOWN = 6;
const PAST_NUMBERS = 2 ** 29;

/**
 * GrpcService {envoy_grpc 1 {cluster_name 1}}; what is no message is the cluster's name itself. Some names are one by chance, of fields that nobody knows:
 * `users`, and one that is empty. Envoy aborts on a message without a target.
 */
function clusterOf(service: Uint8Array): string {
  const fields = readFields(service);
  if (fields !== undefined && [...fields.keys()].every((number) => number > LAST_KNOWN && number < PAST_NUMBERS))
    throw new ProxyCrash(
      `a gRPC call to ${JSON.stringify(Buffer.from(service).toString("utf8"))}, which Envoy takes for a GrpcService without a target, so it aborts; call with a serialized GrpcService that names the cluster`,
    );
  const target = fields?.get(1);
  const cluster = target instanceof Uint8Array ? readFields(target) : undefined;
  return cluster === undefined ? Buffer.from(service).toString("utf8") : textOf(cluster, 1);
}
