import type { Host, HostFunction } from "../state/host.ts";
import { decodePairs } from "../values/headers.ts";
import { MapType, Status, StreamType } from "../values/status.ts";

/** What a plugin may do with the stream it is in. Envoy does it after the running callback returns. */
export function streamFunctions(host: Host): Record<string, HostFunction> {
  const { memory } = host;
  const resume = (type: number): number => {
    const context = host.context();
    if (type === StreamType.Downstream) return Status.Ok;
    if (type === StreamType.Upstream) return Status.Unimplemented;
    if (type > StreamType.Upstream) return Status.BadArgument;
    host.defer(() => context.stream?.resume(type === StreamType.Request ? "request" : "response"));
    context.maps.delete(MapType.RequestHeaders);
    context.maps.delete(MapType.RequestTrailers);
    return Status.Ok;
  };
  return {
    proxy_continue_stream: resume,
    proxy_continue_request: () => resume(StreamType.Request),
    proxy_continue_response: () => resume(StreamType.Response),
    proxy_close_stream(type: number) {
      if (type > StreamType.Upstream) return Status.BadArgument;
      const { stream } = host.context();
      host.defer(() => stream?.reset());
      return Status.Ok;
    },
    proxy_clear_route_cache: () => Status.Ok,
    proxy_send_local_response(
      status: number,
      detailsPointer: number,
      detailsSize: number,
      bodyPointer: number,
      bodySize: number,
      headersPointer: number,
      headersSize: number,
      grpcStatus: number,
    ) {
      const details = memory.text(detailsPointer, detailsSize);
      const body = memory.read(bodyPointer, bodySize);
      const headers = memory.read(headersPointer, headersSize);
      if (details === undefined || body === undefined || headers === undefined) return Status.InvalidMemoryAccess;
      host.charge(details.length);
      const { stream } = host.context();
      const reply = { status, details, body, headers: decodePairs(headers), grpcStatus: grpcStatus | 0 };
      host.defer(() => stream?.reply(reply));
      host.stopIteration = true;
      return Status.Ok;
    },
  };
}
