import { rootOf } from "../state/context.ts";
import type { Host, HostFunction } from "../state/host.ts";
import { createHeaderMap, decodePairs, type Pairs } from "../values/headers.ts";
import type { HttpCall } from "../values/replies.ts";
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
    proxy_grpc_call(...[cp, cs, sp, ss, mp, ms, ip, is, rp, rs, _timeout, tokenTo]: Twelve) {
      const message = memory.read(rp, rs);
      if (message === undefined) return Status.InvalidMemoryAccess;
      const token = startGrpc(host, [cp, cs], [sp, ss], [mp, ms], [ip, is], [message]);
      return token === undefined ? Status.InvalidMemoryAccess : put(tokenTo, token);
    },
    proxy_grpc_stream(...args: [...Span, ...Span, ...Span, ...Span, tokenTo: number]) {
      const [cp, cs, sp, ss, mp, ms, ip, is, tokenTo] = args;
      const token = startGrpc(host, [cp, cs], [sp, ss], [mp, ms], [ip, is], undefined);
      return token === undefined ? Status.InvalidMemoryAccess : put(tokenTo, token);
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
  if (!complete || host.options.replies.http(call) === "unknown") return undefined;
  host.options.journal.note(`calls cluster ${call.cluster}: ${headers.get(":method")} ${headers.get(":path")}`);
  return host.calls.http(rootOf(host.context()).id, call);
}

function startGrpc(
  host: Host,
  service: Span,
  name: Span,
  method: Span,
  metadata: Span,
  messages: Uint8Array[] | undefined,
): number | undefined {
  const { memory } = host;
  const target = memory.read(...service);
  const serviceName = memory.text(...name);
  const methodName = memory.text(...method);
  const pairs = memory.read(...metadata);
  if (target === undefined || serviceName === undefined || methodName === undefined || pairs === undefined) return undefined;
  const initial: Pairs = decodePairs(pairs);
  const full = `${serviceName}/${methodName}`;
  host.charge(full.length);
  host.options.journal.note(`calls gRPC ${full}`);
  const call = { service: target, method: full, metadata: initial, messages: messages ?? [], streaming: messages === undefined };
  return host.calls.grpc(rootOf(host.context()).id, call);
}
