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
}

/** A unary gRPC call, or a stream with what was sent on it so far. */
export interface GrpcCall {
  /** A cluster's name, or a serialized envoy.config.core.v3.GrpcService. */
  readonly service: Uint8Array;
  readonly method: string;
  readonly metadata: Pairs;
  readonly messages: readonly Uint8Array[];
  readonly streaming: boolean;
}

export interface GrpcReply {
  readonly initialMetadata: Pairs;
  readonly messages: readonly Uint8Array[];
  readonly trailingMetadata: Pairs;
  /** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
  readonly status: number;
}

/** What the world outside answers. `unknown`: there is no such cluster; `reset`: the connection broke; `silence`: no answer comes. */
export interface Replies {
  http(call: HttpCall): HttpReply | "unknown" | "reset" | "silence";
  grpc(call: GrpcCall): GrpcReply | "silence";
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
