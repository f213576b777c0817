import type { Pairs } from "./headers.ts";

/** An HTTP call that the plugin makes to a cluster. */
export interface HttpCall {
  readonly cluster: string;
  readonly headers: Pairs;
  readonly body: Uint8Array;
  readonly trailers: Pairs;
  readonly timeoutMs: number;
}

export interface HttpReply {
  readonly headers: Pairs;
  readonly body: Uint8Array;
  readonly trailers: Pairs;
  /** Milliseconds until it comes, where the plugin's clock is moved by a test. */
  readonly delayMs?: number;
}

/** A unary gRPC call, or a stream with what was sent on it so far. */
export interface GrpcCall {
  /** A cluster's name, or a serialized envoy.config.core.v3.GrpcService. */
  readonly service: Uint8Array;
  /** The cluster that it names. */
  readonly cluster: string;
  readonly method: string;
  readonly metadata: Pairs;
  readonly messages: readonly Uint8Array[];
  readonly streaming: boolean;
  /** Of a unary call. */
  readonly timeoutMs: number;
}

export interface GrpcReply {
  readonly initialMetadata: Pairs;
  readonly messages: readonly Uint8Array[];
  readonly trailingMetadata: Pairs;
  /** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
  readonly status: number;
  /** What the service says about its status. */
  readonly message?: string;
  /** How Envoy came to it, where it was not the service: its response code details. */
  readonly details?: string;
  /** Milliseconds until it comes, where the plugin's clock is moved by a test. Of a unary call. */
  readonly delayMs?: number;
}

/** `reset`: the connection broke; `silence`: no answer comes. */
export type NoReply = "reset" | "silence";

/** What the world outside answers, once for each call: an HTTP call and a unary one when they are made, a stream when its answer is due. `unknown`: there is no such cluster. */
export interface Replies {
  http(call: HttpCall): HttpReply | NoReply | "unknown";
  grpc(call: GrpcCall): GrpcReply | "silence" | "unknown";
}

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
const UNAVAILABLE = 14;

/** What Envoy answers by itself when no answer of the service came in time. */
export const TIMEOUT_REPLY: HttpReply = localReply(504, "upstream request timeout");

/** The same for a unary gRPC call. */
export const GRPC_TIMEOUT_REPLY: GrpcReply = grpcFailure("upstream request timeout", "response_timeout");

/** As Envoy's local replies look to a plugin that made a gRPC call. */
export function grpcFailure(message: string, details: string): GrpcReply {
  return { initialMetadata: [], messages: [], trailingMetadata: [], status: UNAVAILABLE, message, details };
}

/** As Envoy's local replies look to a plugin that called. */
export function localReply(status: number, text: string): HttpReply {
  const body = Buffer.from(text);
  return {
    headers: [
      [":status", String(status)],
      ["content-length", String(body.length)],
      ["content-type", "text/plain"],
    ],
    body,
    trailers: [],
  };
}

/** Every cluster is there and says 200 with an empty JSON object; every gRPC call ends with an empty message and OK. */
export const cannedReplies: Replies = {
  http: () => ({
    headers: [
      [":status", "200"],
      ["content-type", "application/json"],
      ["content-length", "2"],
    ],
    body: Buffer.from("{}"),
    trailers: [],
  }),
  grpc: () => ({ initialMetadata: [], messages: [new Uint8Array()], trailingMetadata: [], status: 0 }),
};
