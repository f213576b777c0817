import type { Context, LocalReply, StreamControl } from "./context.ts";
import { deliver, tick } from "./delivery.ts";
import { type Direction, type FlowControl, type FlowEnd, runFlow } from "./flow.ts";
import { createHeaderMap } from "./headers.ts";
import type { Host } from "./host.ts";
import { bodyOf, type Message } from "./message.ts";
import type { Property } from "./properties.ts";
import { MapType } from "./status.ts";

/** A request and the response that the upstream gives to it. */
export interface Exchange {
  readonly request: Message;
  readonly response: Message;
}

export interface ExchangeResult {
  /** What the upstream received; `undefined`: the request never got there. */
  readonly request: Message | undefined;
  /** What the client received; `undefined`: the stream was reset, held, or the VM failed. */
  readonly response: Message | undefined;
  /** The plugin answered by itself. */
  readonly localReply: LocalReply | undefined;
  /** Where the plugin held the stream with nothing left that would let it go on. */
  readonly held: { readonly direction: Direction; readonly in: "headers" | "body" | "trailers" } | undefined;
  readonly reset: boolean;
}

const MAX_WAITS = 8;

/** Runs a request and its response through one stream of the plugin, in Envoy's order, down to log, done and delete. */
export function runExchange(host: Host, root: Context, exchange: Exchange): ExchangeResult {
  const stream = createStream(host, root);
  stream.context.attributes = () => attributesOf(stream.context.id, exchange);
  host.call(stream.context, "proxy_on_context_create", stream.context.id, root.id);
  host.runDeferred();
  const result = runBoth(host, stream, exchange);
  endStream(host, stream.context, exchange.request, result);
  return result;
}

interface Stream {
  readonly context: Context;
  readonly control: FlowControl;
  reply: LocalReply | undefined;
  reset: boolean;
}

function createStream(host: Host, root: Context): Stream {
  const resumed = { request: false, response: false };
  const takeResume = (direction: Direction): boolean => {
    const was = resumed[direction];
    resumed[direction] = false;
    return was;
  };
  const control: StreamControl = {
    resume(direction) {
      resumed[direction] = true;
    },
    reset() {
      stream.reset = true;
    },
    reply(reply) {
      stream.reply ??= reply;
    },
  };
  const interrupted = (): boolean => stream.reply !== undefined || stream.reset || host.fault !== undefined;
  const stream: Stream = {
    context: host.newContext(root, control),
    reply: undefined,
    reset: false,
    control: {
      interrupted,
      takeResume,
      waitForResume(direction) {
        for (let wait = 0; wait < MAX_WAITS && !interrupted(); wait += 1) {
          if (takeResume(direction)) return true;
          if (!deliver(host)) tick(host);
        }
        return !interrupted() && takeResume(direction);
      },
    },
  };
  return stream;
}

function runBoth(host: Host, stream: Stream, exchange: Exchange): ExchangeResult {
  const nothing: ExchangeResult = { request: undefined, response: undefined, localReply: undefined, held: undefined, reset: false };
  const up = runFlow(host, stream.context, "request", exchange.request, stream.control);
  if (up.kind === "held") return { ...nothing, held: { direction: "request", in: up.in } };
  const request = up.kind === "passed" ? up.message : undefined;
  if (up.kind === "interrupted" && stream.reply === undefined) return { ...nothing, reset: stream.reset };
  const early = stream.reply;
  stream.reply = undefined;
  const upstream = early === undefined ? exchange.response : messageOf(early);
  const down = runFlow(host, stream.context, "response", upstream, stream.control);
  const localReply = early ?? stream.reply;
  if (down.kind === "held") return { ...nothing, request, localReply, held: { direction: "response", in: down.in } };
  return { ...nothing, request, localReply, response: responseOf(down, stream), reset: stream.reset };
}

/** A local reply during the response replaces it and does not pass the plugin again. */
function responseOf(down: FlowEnd, stream: Stream): Message | undefined {
  if (down.kind === "passed") return down.message;
  return stream.reply === undefined || stream.reset ? undefined : messageOf(stream.reply);
}

function messageOf(reply: LocalReply): Message {
  const headers: [string, string][] = [[":status", String(reply.status)]];
  if (reply.body.length > 0) headers.push(["content-length", String(reply.body.length)], ["content-type", "text/plain"]);
  return { headers: [...headers, ...reply.headers], body: reply.body.length === 0 ? [] : [reply.body], trailers: [] };
}

/** Envoy logs first, then tells the plugin that the stream is done, then deletes it. */
function endStream(host: Host, context: Context, sent: Message, result: ExchangeResult): void {
  context.maps.clear();
  context.buffers.clear();
  const finish = (name: string): void => {
    if (host.fault === undefined) host.call(context, name, context.id);
    host.runDeferred();
  };
  context.logMaps = new Map([[MapType.RequestHeaders, createHeaderMap((result.request ?? sent).headers)]]);
  if (result.response !== undefined) {
    context.logMaps.set(MapType.ResponseHeaders, createHeaderMap(result.response.headers));
    context.logMaps.set(MapType.ResponseTrailers, createHeaderMap(result.response.trailers));
  }
  finish("proxy_on_log");
  context.logMaps = undefined;
  finish("proxy_on_done");
  finish("proxy_on_delete");
  host.contexts.delete(context.id);
}

/** https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes */
function attributesOf(id: number, { request, response }: Exchange): Record<string, Property> {
  const headers = createHeaderMap(request.headers);
  const path = headers.get(":path") ?? "";
  const status = createHeaderMap(response.headers).get(":status") ?? "0";
  const size = BigInt(bodyOf(request).length);
  return {
    request: {
      path,
      url_path: path.split("?")[0] ?? "",
      query: path.split("?")[1] ?? "",
      host: headers.get(":authority") ?? "",
      scheme: headers.get(":scheme") ?? "http",
      method: headers.get(":method") ?? "",
      protocol: "HTTP/1.1",
      id: headers.get("x-request-id") ?? "",
      useragent: headers.get("user-agent") ?? "",
      referer: headers.get("referer") ?? "",
      headers: Object.fromEntries(headers.pairs()),
      size,
      total_size: size + BigInt(headers.byteSize()),
    },
    response: { code: BigInt(status), headers: Object.fromEntries(response.headers), size: BigInt(bodyOf(response).length), flags: 0n },
    source: { address: "127.0.0.1:40000", port: 40_000n },
    destination: { address: "127.0.0.1:10000", port: 10_000n },
    upstream: { address: "127.0.0.1:8080", port: 8080n },
    connection: { id: BigInt(id), mtls: false },
    connection_id: BigInt(id),
    listener_direction: 1n,
    route_name: "default",
    cluster_name: "upstream",
    node: { id: "preflight", cluster: "preflight", metadata: {} },
  };
}
