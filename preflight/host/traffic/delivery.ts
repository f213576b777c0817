import type { PendingCall, PendingGrpc, PendingHttp } from "../state/calls.ts";
import { type Clock, nanosecondsOf } from "../state/clock.ts";
import type { Context } from "../state/context.ts";
import type { Host } from "../state/host.ts";
import { createHeaderMap } from "../values/headers.ts";
import type { GrpcReply } from "../values/replies.ts";
import { BufferType, MapType, Status } from "../values/status.ts";

const MAX_ROUNDS = 32;

/**
 * Answers the plugin's calls and announces queue arrivals, until nothing is left or the plugin keeps asking (32 rounds).
 * Returns true when it delivered anything.
 */
export function deliver(host: Host): boolean {
  let delivered = false;
  for (let round = 0; round < MAX_ROUNDS && host.fault === undefined; round += 1) {
    const calls = host.calls.take(host.options.clock?.now());
    const arrivals = host.queues.takeReady();
    if (calls.length === 0 && arrivals.length === 0) break;
    for (const call of calls) delivered = answer(host, call) || delivered;
    for (const { contextId, token } of arrivals) delivered = callRoot(host, contextId, "proxy_on_queue_ready", token) || delivered;
  }
  return delivered;
}

/** One tick of every root that asked for ticks. */
export function tick(host: Host): void {
  for (const id of host.timers.running()) callRoot(host, id, "proxy_on_tick");
}

/** Waits of a held stream, where time passes by itself. */
const MAX_WAITS = 8;
/** Things that happen while a clock moves. */
const MAX_EVENTS = 100_000;

/** Answers calls and fires timers until `isDone`, or until nothing that could happen is left. */
export function waitUntil(host: Host, isDone: () => boolean): void {
  const { clock } = host.options;
  if (clock === undefined) {
    for (let wait = 0; wait < MAX_WAITS && !isDone(); wait += 1) if (!deliver(host)) tick(host);
    return;
  }
  moveClock(host, clock, clock.now() + clock.patience, isDone);
}

/** Moves the clock and lets happen on the way what is due then, in order. Without a clock that a test moves, every timer fires once. */
export function advance(host: Host, ms: number): void {
  const { clock } = host.options;
  if (clock !== undefined) {
    moveClock(host, clock, clock.now() + nanosecondsOf(ms), () => false);
    return;
  }
  tick(host);
  deliver(host);
}

function moveClock(host: Host, clock: Clock, end: bigint, isDone: () => boolean): void {
  for (let event = 0; event < MAX_EVENTS && host.fault === undefined && !isDone(); event += 1) {
    if (deliver(host)) continue;
    const timer = host.timers.next();
    const call = host.calls.nextDue();
    const next = timer !== undefined && (call === undefined || timer.at <= call) ? timer.at : call;
    if (next === undefined || next > end) {
      clock.moveTo(end);
      return;
    }
    clock.moveTo(next);
    if (timer?.at !== next) continue;
    host.timers.fired(timer.contextId, next);
    callRoot(host, timer.contextId, "proxy_on_tick");
  }
}

function callRoot(host: Host, id: number, name: string, ...args: number[]): boolean {
  const root = host.contexts.get(id);
  if (root === undefined || host.fault !== undefined || !host.has(name)) return false;
  host.call(root, name, root.id, ...args);
  host.runDeferred();
  return true;
}

function answer(host: Host, pending: PendingCall): boolean {
  const root = host.contexts.get(pending.contextId);
  if (root === undefined) return false;
  return pending.kind === "http" ? answerHttp(host, root, pending) : answerGrpc(host, root, pending);
}

function answerHttp(host: Host, root: Context, { token, reply }: PendingHttp): boolean {
  if (reply === "silence") return false;
  if (reply === "reset") {
    root.status = { code: Status.BrokenConnection, message: "reset" };
    const done = callRoot(host, root.id, "proxy_on_http_call_response", token, 0, 0, 0);
    root.status = { ...root.status, message: "" };
    return done;
  }
  root.maps.set(MapType.CallResponseHeaders, createHeaderMap(reply.headers));
  if (reply.trailers.length > 0) root.maps.set(MapType.CallResponseTrailers, createHeaderMap(reply.trailers));
  root.buffers.set(BufferType.CallResponseBody, { bytes: reply.body, writable: false });
  const done = callRoot(
    host,
    root.id,
    "proxy_on_http_call_response",
    token,
    reply.headers.length,
    reply.body.length,
    reply.trailers.length,
  );
  root.maps.delete(MapType.CallResponseHeaders);
  root.maps.delete(MapType.CallResponseTrailers);
  root.buffers.delete(BufferType.CallResponseBody);
  return done;
}

function answerGrpc(host: Host, root: Context, pending: PendingGrpc): boolean {
  const { token, call } = pending;
  const reply = pending.reply ?? host.options.replies.grpc(call);
  if (reply === "silence" || reply === "unknown") return false;
  if (call.streaming) giveMetadata(host, root, token, MapType.GrpcInitialMetadata, "proxy_on_grpc_receive_initial_metadata", reply);
  for (const bytes of reply.messages) {
    root.buffers.set(BufferType.GrpcMessage, { bytes, writable: false });
    callRoot(host, root.id, "proxy_on_grpc_receive", token, bytes.length);
    root.buffers.delete(BufferType.GrpcMessage);
  }
  if (call.streaming) giveMetadata(host, root, token, MapType.GrpcTrailingMetadata, "proxy_on_grpc_receive_trailing_metadata", reply);
  // For a unary call Envoy calls this only on failure: on success there is just the message.
  if (!call.streaming && reply.status === 0) return true;
  root.status = { code: reply.status, message: statusMessage(reply) };
  return callRoot(host, root.id, "proxy_on_grpc_close", token, reply.status);
}

function giveMetadata(host: Host, root: Context, token: number, type: number, callback: string, reply: GrpcReply): void {
  const pairs = type === MapType.GrpcInitialMetadata ? reply.initialMetadata : reply.trailingMetadata;
  root.maps.set(type, createHeaderMap(pairs));
  callRoot(host, root.id, callback, token, pairs.length);
  root.maps.delete(type);
}

/** What Envoy says of a gRPC status: the service's own words, and how it came to them. */
function statusMessage({ message = "", details = "via_upstream" }: GrpcReply): string {
  return message === "" ? details : `${message}{${details}}`;
}
