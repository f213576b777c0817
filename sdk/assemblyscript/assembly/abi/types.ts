/** What a host function answers. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_status_t */
export enum Status {
  Ok = 0,
  NotFound = 1,
  BadArgument = 2,
  SerializationFailure = 3,
  ParseFailure = 4,
  InvalidMemoryAccess = 6,
  Empty = 7,
  CasMismatch = 8,
  InternalFailure = 10,
  BrokenConnection = 11,
  Unimplemented = 12,
}

/** What Envoy does after a callback of a stream. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_action_t */
export enum Action {
  /** Go on to the next filter. */
  Continue = 0,
  /** Wait, until `continueRequest()` or `continueResponse()`. In a body's callback: keep the bytes and show them again, together with what comes next. */
  Pause = 1,
}

/** https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_log_level_t */
export enum LogLevel {
  Trace = 0,
  Debug = 1,
  Info = 2,
  Warn = 3,
  Error = 4,
  Critical = 5,
}

/** https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_map_type_t */
export enum MapType {
  RequestHeaders = 0,
  RequestTrailers = 1,
  ResponseHeaders = 2,
  ResponseTrailers = 3,
  GrpcInitialMetadata = 4,
  GrpcTrailingMetadata = 5,
  CallResponseHeaders = 6,
  CallResponseTrailers = 7,
}

/** https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_buffer_type_t */
export enum BufferType {
  RequestBody = 0,
  ResponseBody = 1,
  CallResponseBody = 4,
  GrpcMessage = 5,
  VmConfiguration = 6,
  PluginConfiguration = 7,
  ForeignFunctionArgument = 8,
}

/** https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_stream_type_t */
export enum StreamType {
  Request = 0,
  Response = 1,
}

/** https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_metric_type_t */
export enum MetricType {
  Counter = 0,
  Gauge = 1,
  Histogram = 2,
}

/** A gRPC status. https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export type GrpcStatus = i32;
