/**
 * What the proxy calls. A filter's entry file has `export * from "@weir-dev/assemblyscript/exports"`.
 * https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#callbacks-exposed-by-the-wasm-module
 */
import { proxy_get_buffer_bytes } from "./abi/imports";
import { allocate, CELL, SIZE, takeText } from "./abi/memory";
import { Action, BufferType } from "./abi/types";
import { deliverGrpc, deliverHttp, GrpcEvent } from "./answers";
import { contextOf, createContext, deleteContext, rootOf, streamOf } from "./registry";

export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_memory_allocate(size: usize): usize {
  return allocate(size);
}

export function proxy_on_context_create(id: u32, parent: u32): void {
  createContext(id, parent);
}

export function proxy_on_vm_start(id: u32, size: u32): bool {
  const root = rootOf(id);
  return root === null || root.onVmStart();
}

export function proxy_on_configure(id: u32, size: u32): bool {
  const root = rootOf(id);
  if (root === null) return false;
  store<u32>(SIZE, 0);
  if (size > 0 && proxy_get_buffer_bytes(BufferType.PluginConfiguration, 0, size, CELL, SIZE) != 0) return false;
  return root.onConfigure(takeText());
}

export function proxy_on_tick(id: u32): void {
  const root = rootOf(id);
  if (root !== null) root.onTick();
}

export function proxy_on_queue_ready(id: u32, queue: u32): void {
  const root = rootOf(id);
  if (root !== null) root.onQueueReady(queue);
}

export function proxy_on_request_headers(id: u32, count: u32, end: u32): Action {
  const stream = streamOf(id);
  return stream === null ? Action.Continue : stream.onRequestHeaders(count, end != 0);
}

export function proxy_on_request_body(id: u32, size: u32, end: u32): Action {
  const stream = streamOf(id);
  return stream === null ? Action.Continue : stream.onRequestBody(size, end != 0);
}

export function proxy_on_request_trailers(id: u32, count: u32): Action {
  const stream = streamOf(id);
  return stream === null ? Action.Continue : stream.onRequestTrailers(count);
}

export function proxy_on_response_headers(id: u32, count: u32, end: u32): Action {
  const stream = streamOf(id);
  return stream === null ? Action.Continue : stream.onResponseHeaders(count, end != 0);
}

export function proxy_on_response_body(id: u32, size: u32, end: u32): Action {
  const stream = streamOf(id);
  return stream === null ? Action.Continue : stream.onResponseBody(size, end != 0);
}

export function proxy_on_response_trailers(id: u32, count: u32): Action {
  const stream = streamOf(id);
  return stream === null ? Action.Continue : stream.onResponseTrailers(count);
}

export function proxy_on_http_call_response(id: u32, token: u32, headers: u32, body: u32, trailers: u32): void {
  deliverHttp(token, headers);
}

export function proxy_on_grpc_receive_initial_metadata(id: u32, token: u32, count: u32): void {
  deliverGrpc(GrpcEvent.InitialMetadata, token);
}

export function proxy_on_grpc_receive(id: u32, token: u32, size: u32): void {
  deliverGrpc(GrpcEvent.Message, token);
}

export function proxy_on_grpc_receive_trailing_metadata(id: u32, token: u32, count: u32): void {
  deliverGrpc(GrpcEvent.TrailingMetadata, token);
}

export function proxy_on_grpc_close(id: u32, token: u32, status: i32): void {
  deliverGrpc(GrpcEvent.Close, token, status);
}

export function proxy_on_log(id: u32): void {
  const stream = streamOf(id);
  if (stream !== null) stream.onLog();
}

export function proxy_on_done(id: u32): bool {
  const context = contextOf(id);
  return context === null || context.onDone();
}

export function proxy_on_delete(id: u32): void {
  deleteContext(id);
}
