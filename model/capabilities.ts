/**
 * Callbacks that start and end a plugin. A plugin cannot work without them, so they are always allowed.
 * https://github.com/proxy-wasm/spec/blob/main/abi-versions/v0.2.1/README.md#context-lifecycle
 */
const lifecycle = [
  "proxy_on_vm_start",
  "proxy_validate_configuration",
  "proxy_on_configure",
  "proxy_on_context_create",
  "proxy_on_done",
  "proxy_on_delete",
];

/** Every other callback that Envoy looks for in a module. */
const callbacks = [
  "proxy_on_tick",
  "proxy_on_queue_ready",
  "proxy_on_new_connection",
  "proxy_on_downstream_data",
  "proxy_on_upstream_data",
  "proxy_on_downstream_connection_close",
  "proxy_on_upstream_connection_close",
  "proxy_on_request_headers",
  "proxy_on_request_body",
  "proxy_on_request_trailers",
  "proxy_on_request_metadata",
  "proxy_on_response_headers",
  "proxy_on_response_body",
  "proxy_on_response_trailers",
  "proxy_on_response_metadata",
  "proxy_on_http_call_response",
  "proxy_on_grpc_receive",
  "proxy_on_grpc_close",
  "proxy_on_grpc_receive_initial_metadata",
  "proxy_on_grpc_receive_trailing_metadata",
  "proxy_on_foreign_function",
  "proxy_on_resolve_dns",
  "proxy_on_stats_update",
  "proxy_on_log",
];

/**
 * The names for Envoy's `capability_restriction_config`, sorted. Envoy applies the list to the host functions that a module imports (a call
 * to one that is not listed returns an error) and to the callbacks that it exports (one that is not listed is never called, so the filter
 * would silently do nothing). An empty list restricts nothing. So callbacks are restricted only when `capabilities` names one, the
 * lifecycle is always allowed, and the result is never empty.
 */
export function allowedNames(capabilities: readonly string[]): string[] {
  const namesCallbacks = capabilities.some((name) => callbacks.includes(name));
  return [...new Set([...capabilities, ...lifecycle, ...(namesCallbacks ? [] : callbacks)])].sort();
}

/** True for a function by which a module reaches what is outside of it: neither a callback, nor one of WASI or of the module's language. */
export function isHostFunction(name: string): boolean {
  return name.startsWith("proxy_") && !lifecycle.includes(name) && !callbacks.includes(name);
}
