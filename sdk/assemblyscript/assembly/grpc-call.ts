import { proxy_grpc_call, proxy_grpc_cancel, proxy_grpc_close, proxy_grpc_send, proxy_grpc_stream } from "./abi/imports";
import { at, CELL, utf8 } from "./abi/memory";
import { encodePairs, Header } from "./abi/pairs";
import { BufferType, GrpcStatus, MapType, Status } from "./abi/types";
import { GrpcEvent, onGrpcEvent } from "./answers";
import { Body } from "./body";
import { Context } from "./context";
import { Headers } from "./headers";
import { isAlive } from "./registry";

/** What waits for messages of a call or a stream. It is dropped when its context ends first. */
export abstract class GrpcCallback {
  /** The proxy's number of the call; 0 before it. */
  token: u32 = 0;

  /** `context` (the stream, or the plugin) is the one that host functions act on. */
  constructor(readonly context: Context) {}

  /** A message came, in the encoding of its service: protobuf as a rule. */
  abstract onMessage(message: Body): void;

  /** The call is over. A call with one answer that went well ends with its message, and without this. */
  onClose(status: GrpcStatus): void {}

  /** Streams only. */
  onInitialMetadata(metadata: Headers): void {}

  /** Streams only. */
  onTrailingMetadata(metadata: Headers): void {}

  /** Streams only: sends one more message. `end`: it is the last. */
  send(bytes: ArrayBuffer, end: bool = false): Status {
    return proxy_grpc_send(this.token, at(bytes), bytes.byteLength, end ? 1 : 0);
  }

  /** Ends the filter's side of a stream. */
  close(): Status {
    return proxy_grpc_close(this.token);
  }

  /** Ends the call; nothing more comes of it. */
  cancel(): Status {
    calls.delete(this.token);
    return proxy_grpc_cancel(this.token);
  }
}

class Call {
  constructor(
    public callback: GrpcCallback,
    public isStream: bool,
  ) {}
}

/** Made when the first call is: a filter that makes none does not carry it. */
let calls: Map<u32, Call> = changetype<Map<u32, Call>>(0);

/**
 * Asks a gRPC service for one answer. `cluster`: a cluster of the proxy, or a serialized envoy.config.core.v3.GrpcService. `service` as `package.Service`.
 * https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_grpc_call
 */
export function grpcCall(
  cluster: string,
  service: string,
  method: string,
  request: ArrayBuffer,
  callback: GrpcCallback,
  timeoutMilliseconds: u32 = 5000,
  metadata: Header[] | null = null,
): Status {
  const target = utf8(cluster);
  const name = utf8(service);
  const rpc = utf8(method);
  const pairs = encodePairs(metadata);
  const status = proxy_grpc_call(
    at(target),
    target.byteLength,
    at(name),
    name.byteLength,
    at(rpc),
    rpc.byteLength,
    at(pairs),
    pairs.byteLength,
    at(request),
    request.byteLength,
    timeoutMilliseconds,
    CELL,
  );
  if (status == Status.Ok) remember(load<u32>(CELL), callback, false);
  return status;
}

/** Opens a stream of messages in both directions; `callback.send` sends. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_grpc_stream */
export function grpcStream(
  cluster: string,
  service: string,
  method: string,
  callback: GrpcCallback,
  metadata: Header[] | null = null,
): Status {
  const target = utf8(cluster);
  const name = utf8(service);
  const rpc = utf8(method);
  const pairs = encodePairs(metadata);
  const status = proxy_grpc_stream(
    at(target),
    target.byteLength,
    at(name),
    name.byteLength,
    at(rpc),
    rpc.byteLength,
    at(pairs),
    pairs.byteLength,
    CELL,
  );
  if (status == Status.Ok) remember(load<u32>(CELL), callback, true);
  return status;
}

function remember(token: u32, callback: GrpcCallback, isStream: bool): void {
  if (changetype<usize>(calls) == 0) {
    calls = new Map<u32, Call>();
    onGrpcEvent(answer);
  }
  callback.token = token;
  calls.set(token, new Call(callback, isStream));
}

/** The call, with its context in force. Null: nobody waits for it any more. */
function resume(token: u32): Call | null {
  if (!calls.has(token)) return null;
  const call = calls.get(token);
  if (!isAlive(call.callback.context)) {
    calls.delete(token);
    if (call.isStream) proxy_grpc_cancel(token);
    return null;
  }
  call.callback.context.activate();
  return call;
}

function answer(event: GrpcEvent, token: u32, status: GrpcStatus): void {
  const call = resume(token);
  if (call === null) return;
  const callback = call.callback;
  if (event == GrpcEvent.Close || (event == GrpcEvent.Message && !call.isStream)) calls.delete(token);
  if (event == GrpcEvent.Message) callback.onMessage(Body.of(BufferType.GrpcMessage));
  else if (event == GrpcEvent.InitialMetadata) callback.onInitialMetadata(Headers.of(MapType.GrpcInitialMetadata));
  else if (event == GrpcEvent.TrailingMetadata) callback.onTrailingMetadata(Headers.of(MapType.GrpcTrailingMetadata));
  else callback.onClose(status);
}
