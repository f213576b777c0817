import {
  proxy_close_stream,
  proxy_continue_stream,
  proxy_done,
  proxy_send_local_response,
  proxy_set_effective_context,
  proxy_set_tick_period_milliseconds,
} from "./abi/imports";
import { at } from "./abi/memory";
import { encodePairs, Header } from "./abi/pairs";
import { Action, BufferType, GrpcStatus, MapType, Status, StreamType } from "./abi/types";
import { utf8 } from "./abi/utf8";
import { Body } from "./body";
import { Headers } from "./headers";
import { Numbered } from "./table";

/** What the proxy calls by a number: the plugin itself, and each of its streams. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#context-lifecycle */
export abstract class Context extends Numbered {
  /** Host functions act on this context from here on, not on the one whose callback runs. Answers of calls do so by themselves. `proxy_set_effective_context` */
  activate(): Status {
    return proxy_set_effective_context(this.id);
  }

  /** The context is about to go. Of a plugin, false keeps it until `done()`; a stream goes at once, whatever this gives. `proxy_on_done` */
  onDone(): bool {
    return true;
  }

  /** The context is gone: no host function acts on it any more. `proxy_on_delete` */
  onDelete(): void {}
}

/**
 * The plugin: one for each worker thread and configuration. It makes a StreamContext for each request.
 * https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#configuration
 */
export abstract class RootContext extends Context {
  /** The VM started. False refuses the plugin: the proxy keeps what it ran before. `proxy_on_vm_start` */
  onVmStart(): bool {
    return true;
  }

  /** The configuration is here, as text. False refuses the plugin; log why before. `proxy_on_configure` */
  onConfigure(configuration: string): bool {
    return true;
  }

  /** A request begins. Null: this one passes without the filter. `proxy_on_context_create` */
  createStream(): StreamContext | null {
    return null;
  }

  /** A period of `setTickPeriod` is over. `proxy_on_tick` */
  onTick(): void {}

  /** Something arrived in a queue that this plugin registered. `proxy_on_queue_ready` */
  onQueueReady(queueId: u32): void {}

  /** Ends the plugin that `onDone` kept, once its last calls are answered. NotFound: the proxy does not wait for it. `proxy_done` */
  done(): Status {
    return proxy_done();
  }

  /** Calls `onTick` every so many milliseconds, on each worker by itself. 0: no more. `proxy_set_tick_period_milliseconds` */
  setTickPeriod(milliseconds: u32): Status {
    return proxy_set_tick_period_milliseconds(milliseconds);
  }
}

/** One HTTP request and its response. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#http */
export abstract class StreamContext extends Context {
  /** In `onRequestHeaders`, and while it holds the request; in `onLog` for reading. */
  get requestHeaders(): Headers {
    return Headers.of(MapType.RequestHeaders);
  }

  /** In `onRequestBody`, and while it holds the request. */
  get requestBody(): Body {
    return Body.of(BufferType.RequestBody);
  }

  /** In `onRequestTrailers`, and while it holds the request. */
  get requestTrailers(): Headers {
    return Headers.of(MapType.RequestTrailers);
  }

  /** In `onResponseHeaders`, and while it holds the response; in `onLog` for reading. */
  get responseHeaders(): Headers {
    return Headers.of(MapType.ResponseHeaders);
  }

  /** In `onResponseBody`, and while it holds the response. */
  get responseBody(): Body {
    return Body.of(BufferType.ResponseBody);
  }

  /** In `onResponseTrailers`, and while it holds the response. */
  get responseTrailers(): Headers {
    return Headers.of(MapType.ResponseTrailers);
  }

  /** The request's headers are here, so many. `endOfStream`: neither a body nor trailers follow. `proxy_on_request_headers` */
  onRequestHeaders(count: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /** More of the request's body is here. `size`: bytes in `requestBody`. `endOfStream`: it is whole, and no trailers follow. `proxy_on_request_body` */
  onRequestBody(size: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /** The request is whole, its trailers included. `proxy_on_request_trailers` */
  onRequestTrailers(count: u32): Action {
    return Action.Continue;
  }

  /** The response's headers are here; those of your own answers too. `proxy_on_response_headers` */
  onResponseHeaders(count: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /** As `onRequestBody`. `proxy_on_response_body` */
  onResponseBody(size: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /** As `onRequestTrailers`. `proxy_on_response_trailers` */
  onResponseTrailers(count: u32): Action {
    return Action.Continue;
  }

  /** The exchange is over: headers of both directions can be read, and nothing be changed. `proxy_on_log` */
  onLog(): void {}

  /** Lets a request go on that a callback paused. `proxy_continue_stream` */
  continueRequest(): Status {
    return proxy_continue_stream(StreamType.Request);
  }

  /** Lets a response go on that a callback paused. Not in the callback of its headers. */
  continueResponse(): Status {
    return proxy_continue_stream(StreamType.Response);
  }

  /** Resets the stream: the client gets no answer. Envoy crashes when a stream is reset twice. `proxy_close_stream` */
  reset(): Status {
    return proxy_close_stream(StreamType.Request);
  }

  /**
   * Answers in the place of the upstream, or of its answer. Give `Action.Pause` from the callback afterwards. Once for a stream, and not once the response's body has begun.
   * `details`: for access logs (%RESPONSE_CODE_DETAILS%). `grpcStatus`: for gRPC clients; -1: none.
   * `proxy_send_local_response`
   */
  respond(status: u32, body: string = "", headers: Header[] | null = null, details: string = "", grpcStatus: GrpcStatus = -1): Status {
    const text = utf8(body);
    const why = utf8(details);
    const pairs = encodePairs(headers);
    return proxy_send_local_response(status, at(why), why.byteLength, at(text), text.byteLength, at(pairs), pairs.byteLength, grpcStatus);
  }
}
