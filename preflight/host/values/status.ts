/** Results of proxy-wasm host functions. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_status_t */
export const Status = {
  Ok: 0,
  NotFound: 1,
  BadArgument: 2,
  SerializationFailure: 3,
  ParseFailure: 4,
  InvalidMemoryAccess: 6,
  Empty: 7,
  CasMismatch: 8,
  InternalFailure: 10,
  BrokenConnection: 11,
  Unimplemented: 12,
} as const;

/** Results of WASI functions. https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#-errno-variant */
export const Errno = {
  Success: 0,
  BadDescriptor: 8,
  NotDirectory: 20,
  Fault: 21,
  Invalid: 28,
  NoEntry: 44,
  NoSystemCall: 52,
  NotSupported: 58,
  NotCapable: 76,
} as const;

/** https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_map_type_t */
export const MapType = {
  RequestHeaders: 0,
  RequestTrailers: 1,
  ResponseHeaders: 2,
  ResponseTrailers: 3,
  GrpcInitialMetadata: 4,
  GrpcTrailingMetadata: 5,
  CallResponseHeaders: 6,
  CallResponseTrailers: 7,
} as const;

/** https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_buffer_type_t */
export const BufferType = {
  RequestBody: 0,
  ResponseBody: 1,
  DownstreamData: 2,
  UpstreamData: 3,
  CallResponseBody: 4,
  GrpcMessage: 5,
  VmConfiguration: 6,
  PluginConfiguration: 7,
  CallData: 8,
} as const;

export const StreamType = { Request: 0, Response: 1, Downstream: 2, Upstream: 3 } as const;

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "critical"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
