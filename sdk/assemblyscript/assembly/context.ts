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
  /** Host functions act on this context from here on, not on the one whose callback runs. Answers of calls do so by themselves. */
  activate(): Status {
    return proxy_set_effective_context(this.id);
  }

  /** The context is about to go. Of a plugin, false keeps it until `done()`; a stream goes at once, whatever this gives. */
  onDone(): bool {
    return true;
  }

  /** The context is gone: no host function acts on it any more. */
  onDelete(): void {}
}

/** The plugin: one for each worker thread and configuration. It makes a StreamContext for each request. */
export abstract class RootContext extends Context {
  /** The VM started. False refuses the plugin: the proxy keeps what it ran before. */
  onVmStart(): bool {
    return true;
  }

  /** The configuration is here, as text. False refuses the plugin; log why before. */
  onConfigure(configuration: string): bool {
    return true;
  }

  /** A request begins. Null: this one passes without the filter. */
  createStream(): StreamContext | null {
    return null;
  }

  /** A period of `setTickPeriod` is over. */
  onTick(): void {}

  /** Something arrived in a queue that this plugin registered. */
  onQueueReady(queueId: u32): void {}

  /** Ends the plugin that `onDone` kept, once its last calls are answered. NotFound: the proxy does not wait for it. */
  done(): Status {
    return proxy_done();
  }

  /** Calls `onTick` every so many milliseconds, on each worker by itself. 0: no more. */
  setTickPeriod(milliseconds: u32): Status {
    return proxy_set_tick_period_milliseconds(milliseconds);
  }
}

/** One HTTP request and its response. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#http-streams */
export abstract class StreamContext extends Context {
  get requestHeaders(): Headers {
    return Headers.of(MapType.RequestHeaders);
  }

  get requestBody(): Body {
    return Body.of(BufferType.RequestBody);
  }

  get requestTrailers(): Headers {
    return Headers.of(MapType.RequestTrailers);
  }

  get responseHeaders(): Headers {
    return Headers.of(MapType.ResponseHeaders);
  }

  get responseBody(): Body {
    return Body.of(BufferType.ResponseBody);
  }

  get responseTrailers(): Headers {
    return Headers.of(MapType.ResponseTrailers);
  }

  /** `endOfStream`: neither a body nor trailers follow. */
  onRequestHeaders(count: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  /** `size`: bytes in `requestBody`. */
  onRequestBody(size: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  onRequestTrailers(count: u32): Action {
    return Action.Continue;
  }

  onResponseHeaders(count: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  onResponseBody(size: u32, endOfStream: bool): Action {
    return Action.Continue;
  }

  onResponseTrailers(count: u32): Action {
    return Action.Continue;
  }

  /** The exchange is over: headers of both directions can be read, and nothing be changed. */
  onLog(): void {}

  /** Lets a request go on that a callback paused. */
  continueRequest(): Status {
    return proxy_continue_stream(StreamType.Request);
  }

  continueResponse(): Status {
    return proxy_continue_stream(StreamType.Response);
  }

  /** Resets the stream: the client gets no answer. Envoy crashes when a stream is reset twice. */
  reset(): Status {
    return proxy_close_stream(StreamType.Request);
  }

  /**
   * Answers in the place of the upstream, or of its answer. Give `Action.Pause` from the callback afterwards. Once for a stream, and not once the response's body has begun.
   * `details`: for access logs (%RESPONSE_CODE_DETAILS%). `grpcStatus`: for gRPC clients; -1: none.
   */
  respond(status: u32, body: string = "", headers: Header[] | null = null, details: string = "", grpcStatus: GrpcStatus = -1): Status {
    const text = utf8(body);
    const why = utf8(details);
    const pairs = encodePairs(headers);
    return proxy_send_local_response(status, at(why), why.byteLength, at(text), text.byteLength, at(pairs), pairs.byteLength, grpcStatus);
  }
}
