import { proxy_grpc_call, proxy_grpc_cancel, proxy_grpc_close, proxy_grpc_send, proxy_grpc_stream } from "./abi/imports";
import { at, CELL } from "./abi/memory";
import { encodePairs, Header } from "./abi/pairs";
import { BufferType, GrpcStatus, MapType, Status } from "./abi/types";
import { utf8 } from "./abi/utf8";
import { GrpcEvent, onGrpcEvent } from "./answers";
import { Body } from "./body";
import { Call, Callback } from "./callback";
import { Headers } from "./headers";
import { add, emptyTable, find, remove, Table } from "./table";

/** What waits for messages of a call or a stream. It is dropped when its context ends first. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#grpc-calls */
export abstract class GrpcCallback extends Callback {
  /** The proxy's number of the call that was made with it last; 0 before the first. */
  private token: u32;

  /** A message came, in the encoding of its service: protobuf as a rule. `proxy_on_grpc_receive` */
  abstract onMessage(message: Body): void;

  /** The call is over. A call with one answer that went well ends with its message, and without this. `proxy_on_grpc_close` */
  onClose(status: GrpcStatus): void {}

  /** Streams only. `proxy_on_grpc_receive_initial_metadata` */
  onInitialMetadata(metadata: Headers): void {}

  /** Streams only. `proxy_on_grpc_receive_trailing_metadata` */
  onTrailingMetadata(metadata: Headers): void {}

  /** Streams only: sends one more message. `end`: it is the last. `proxy_grpc_send` */
  send(bytes: ArrayBuffer, end: bool = false): Status {
    return proxy_grpc_send(this.token, at(bytes), bytes.byteLength, end ? 1 : 0);
  }

  /** Ends the filter's side of a stream. `proxy_grpc_close` */
  close(): Status {
    return proxy_grpc_close(this.token);
  }

  /** Ends the call; nothing more comes of it. `proxy_grpc_cancel` */
  cancel(): Status {
    if (this.token == 0) return Status.NotFound;
    const call = find(calls, this.token);
    if (call !== null) remove(calls, call);
    return proxy_grpc_cancel(this.token);
  }
}

/** Made when the first call is: a filter that makes none does not carry it. */
let calls: Table = changetype<Table>(0);

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
  const target = targetOf(cluster);
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
  const target = targetOf(cluster);
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

/**
 * GrpcService {envoy_grpc 1 {cluster_name 1}}. Envoy takes a bare name as well, but aborts on one that is such a message by chance, as `users` is. A message
 * begins with a control character, a name never.
 */
function targetOf(cluster: string): ArrayBuffer {
  const name = utf8(cluster);
  const size = <u32>name.byteLength;
  if ((size > 0 && load<u8>(at(name)) < 32) || size > MAX_NAME) return name;
  const message = new ArrayBuffer(size + 6);
  writeLength(at(message), size + 3);
  writeLength(at(message) + 3, size);
  memory.copy(at(message) + 6, at(name), size);
  return message;
}

/** What two bytes of a length hold, without the message around. */
const MAX_NAME: u32 = 0x3fff - 3;

/** The head of field 1: its length in two bytes, whether it needs them or not. https://protobuf.dev/programming-guides/encoding/ */
function writeLength(to: usize, length: u32): void {
  store<u8>(to, 0x0a);
  store<u8>(to, 0x80 | (length & 0x7f), 1);
  store<u8>(to, length >> 7, 2);
}

function remember(token: u32, callback: GrpcCallback, isStream: bool): void {
  if (changetype<usize>(calls) == 0) {
    calls = emptyTable();
    onGrpcEvent(answer);
  }
  callback.token = token;
  add(calls, new Call(token, callback, isStream));
}

function answer(event: GrpcEvent, token: u32, status: GrpcStatus): void {
  const call = changetype<Call | null>(find(calls, token));
  if (call === null) return;
  const isWanted = call.resume();
  if (!isWanted || event == GrpcEvent.Close || (event == GrpcEvent.Message && !call.isStream)) remove(calls, call);
  if (!isWanted) {
    if (call.isStream && event != GrpcEvent.Close) proxy_grpc_cancel(token);
    return;
  }
  const callback = changetype<GrpcCallback>(call.callback);
  if (event == GrpcEvent.Message) callback.onMessage(Body.of(BufferType.GrpcMessage));
  else if (event == GrpcEvent.InitialMetadata) callback.onInitialMetadata(Headers.of(MapType.GrpcInitialMetadata));
  else if (event == GrpcEvent.TrailingMetadata) callback.onTrailingMetadata(Headers.of(MapType.GrpcTrailingMetadata));
  else callback.onClose(status);
}
