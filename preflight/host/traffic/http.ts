import { streamAttributes } from "../state/attributes.ts";
import type { Context, LocalReply, StreamControl } from "../state/context.ts";
import type { Host } from "../state/host.ts";
import { createHeaderMap } from "../values/headers.ts";
import type { Message } from "../values/message.ts";
import { MapType } from "../values/status.ts";
import { type BrokenMessage, brokenRequest, brokenResponse } from "./broken.ts";
import { waitUntil } from "./delivery.ts";
import { type Direction, type FlowControl, type FlowEnd, type Held, runFlow } from "./flow.ts";

/** A request and the response that the upstream gives to it. */
export interface Exchange {
  readonly request: Message;
  readonly response: Message;
}

export interface ExchangeResult {
  /** What the upstream received; `undefined`: the request did not reach it. */
  readonly request: Message | undefined;
  /** What the client received; `undefined`: the stream was reset or held, the VM failed, or the proxy died. */
  readonly response: Message | undefined;
  /** The plugin answered by itself. */
  readonly localReply: LocalReply | undefined;
  /** Where the plugin held the stream, with nothing left that would resume it. */
  readonly held: ({ readonly direction: Direction } & Held) | undefined;
  /** The plugin closed the stream, or answered by itself after the response had begun. */
  readonly reset: boolean;
  /** The client got the headers of a response. */
  readonly begun: boolean;
  /** The plugin made a message that cannot be sent, and Envoy answers for it. */
  readonly broken: BrokenMessage | undefined;
}

const NO_RESPONSE: Message = { headers: [], body: [], trailers: [] };

/** Runs a request and its response through one stream of the plugin, in Envoy's order, up to log, done and delete. */
export function runExchange(host: Host, root: Context, exchange: Exchange): ExchangeResult {
  const stream = createStream(host, root);
  stream.context.attributes = () => streamAttributes(stream.context.id, { request: exchange.request, ...stream });
  host.call(stream.context, "proxy_on_context_create", stream.context.id, root.id);
  host.runDeferred();
  const result = runBoth(host, stream, exchange);
  endStream(host, stream, exchange.request, result);
  return result;
}

interface Stream {
  readonly context: Context;
  readonly control: FlowControl;
  phase: StreamPhase;
  /** As it is now; absent during the request. */
  response: Message | undefined;
  hasUpstream: boolean;
  reply: LocalReply | undefined;
  reset: boolean;
  broken: BrokenMessage | undefined;
}

/** `response held`: the headers' callback returned, and the headers did not go on. */
type StreamPhase = "request" | "response headers" | "response held" | "response body" | "ended";

function createStream(host: Host, root: Context): Stream {
  const resumed = { request: false, response: false };
  const takeResume = (direction: Direction): boolean => {
    const was = resumed[direction];
    resumed[direction] = false;
    return was;
  };
  const interrupted = (): boolean => stream.reply !== undefined || stream.reset || stream.broken !== undefined || host.fault !== undefined;
  const stream: Stream = {
    context: host.newContext(
      root,
      createStreamControl(host, () => stream, resumed),
    ),
    phase: "request",
    response: undefined,
    hasUpstream: true,
    reply: undefined,
    reset: false,
    broken: undefined,
    control: {
      headersDone(direction) {
        if (direction === "response") stream.phase = "response held";
      },
      headersSent(direction) {
        if (direction === "response") stream.phase = "response body";
      },
      interrupted,
      takeResume,
      waitForResume(direction) {
        waitUntil(host, () => interrupted() || resumed[direction]);
        return !interrupted() && takeResume(direction);
      },
    },
  };
  return stream;
}

/** What Envoy does when a plugin acts on its stream. The acts that end in `crash` here were each seen to crash Envoy 1.40. */
function createStreamControl(host: Host, streamOf: () => Stream, resumed: Record<Direction, boolean>): StreamControl {
  return {
    resume(direction) {
      const stream = streamOf();
      if (direction === "response" && stream.phase === "request")
        host.crash("proxy_continue_stream lets a response go on that is not there");
      if (direction === "response" && stream.phase === "response headers") {
        stream.broken = {
          direction: "response",
          message: "proxy_continue_stream in the response headers' own callback: the client gets no answer",
          status: undefined,
        };
      }
      resumed[direction] = true;
    },
    reset() {
      const stream = streamOf();
      if (stream.phase === "ended") host.crash("proxy_close_stream closes a stream that has ended");
      else if (endedTwice(stream)) host.crash("proxy_close_stream closes a stream for the second time");
      stream.reset = true;
    },
    reply(reply) {
      const stream = streamOf();
      if (stream.phase === "ended") host.crash("proxy_send_local_response answers on a stream that has ended");
      else if (endedTwice(stream)) host.crash("proxy_send_local_response answers a second time");
      if (stream.phase === "response body") stream.reset = true;
      stream.reply ??= reply;
    },
  };
}

/** Acting on a closed stream uses freed memory in Envoy: what happens then is undefined. */
function endedTwice({ phase, reply, reset }: Stream): boolean {
  return reset || (phase !== "request" && reply !== undefined);
}

const NOTHING: ExchangeResult = {
  request: undefined,
  response: undefined,
  localReply: undefined,
  held: undefined,
  reset: false,
  begun: false,
  broken: undefined,
};

function runBoth(host: Host, stream: Stream, exchange: Exchange): ExchangeResult {
  const up = runFlow(host, stream.context, "request", exchange.request, stream.control);
  if (up.kind === "held") return { ...NOTHING, held: { direction: "request", in: up.in, withBody: up.withBody } };
  if (up.kind === "interrupted" && (stream.reset || stream.reply === undefined)) return { ...NOTHING, reset: stream.reset };
  const request = up.kind === "passed" ? up.message : undefined;
  const early = stream.reply;
  stream.reply = undefined;
  stream.phase = "response headers";
  const upstream = early === undefined ? exchange.response : messageOf(early);
  stream.response = upstream;
  stream.hasUpstream = early === undefined;
  const down = runFlow(host, stream.context, "response", upstream, stream.control);
  const localReply = stream.reset ? undefined : (stream.reply ?? early);
  const broken = stream.broken ?? (request && brokenRequest(request, exchange.request));
  const common = { ...NOTHING, request, localReply, reset: stream.reset, begun: hasBegun(stream), broken };
  if (down.kind === "held") return { ...common, held: { direction: "response", in: down.in, withBody: down.withBody } };
  const response = responseOf(down, stream);
  return { ...common, response, broken: broken ?? (response && brokenResponse(response)) };
}

function hasBegun({ phase }: Stream): boolean {
  return phase === "response body";
}

/** A local reply during the response replaces it and does not pass the plugin again. */
function responseOf(down: FlowEnd, stream: Stream): Message | undefined {
  if (stream.reset) return undefined;
  if (down.kind === "passed") return down.message;
  return stream.reply && messageOf(stream.reply);
}

function messageOf(reply: LocalReply): Message {
  const headers: [string, string][] = [[":status", String(reply.status)]];
  if (reply.body.length > 0) headers.push(["content-length", String(reply.body.length)], ["content-type", "text/plain"]);
  return { headers: [...headers, ...reply.headers], body: reply.body.length === 0 ? [] : [reply.body], trailers: [] };
}

/** Envoy logs first, then tells the plugin that the stream is done, then deletes it. */
function endStream(host: Host, stream: Stream, sent: Message, result: ExchangeResult): void {
  const { context } = stream;
  stream.phase = "ended";
  stream.response = result.response ?? stream.response ?? NO_RESPONSE;
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
