// The part of the proxy-wasm ABI 0.2.1 that HTTP filters use. What a filter does not call is not in its module.
// https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1
#pragma once
#include <stddef.h>
#include <stdint.h>

// The host's functions are imported from "env"; the filter's are exported under the names of the ABI.
#define PROXY_IMPORT(name) __attribute__((import_module("env"), import_name(#name))) enum proxy_status name
#define PROXY_EXPORT(name) __attribute__((export_name(#name)))

// What a host function answers.
enum proxy_status {
  STATUS_OK = 0,
  STATUS_NOT_FOUND = 1,
  STATUS_BAD_ARGUMENT = 2,
  STATUS_EMPTY = 7,
  STATUS_CAS_MISMATCH = 8,
  STATUS_INTERNAL_FAILURE = 10,
};
// What the proxy does after a callback of a stream: goes on, or waits for proxy_continue_stream or a local response.
enum proxy_action { ACTION_CONTINUE = 0, ACTION_PAUSE = 1 };
enum proxy_log_level { LOG_TRACE = 0, LOG_DEBUG = 1, LOG_INFO = 2, LOG_WARN = 3, LOG_ERROR = 4, LOG_CRITICAL = 5 };
enum proxy_map {
  MAP_REQUEST_HEADERS = 0,
  MAP_REQUEST_TRAILERS = 1,
  MAP_RESPONSE_HEADERS = 2,
  MAP_RESPONSE_TRAILERS = 3,
  MAP_CALL_RESPONSE_HEADERS = 6,
};
enum proxy_buffer {
  BUFFER_REQUEST_BODY = 0,
  BUFFER_RESPONSE_BODY = 1,
  BUFFER_CALL_RESPONSE_BODY = 4,
  BUFFER_PLUGIN_CONFIGURATION = 7,
};
enum proxy_stream { STREAM_REQUEST = 0, STREAM_RESPONSE = 1 };
enum proxy_metric { METRIC_COUNTER = 0, METRIC_GAUGE = 1, METRIC_HISTOGRAM = 2 };

// Where a function gives bytes (`char **data, size_t *size`), the host allocated them by proxy_on_memory_allocate:
// they belong to the filter, which frees them. They do not end in a zero.
PROXY_IMPORT(proxy_log)(enum proxy_log_level level, const char *message, size_t size);
PROXY_IMPORT(proxy_get_current_time_nanoseconds)(uint64_t *time);
PROXY_IMPORT(proxy_set_tick_period_milliseconds)(uint32_t period);

PROXY_IMPORT(proxy_get_buffer_bytes)(enum proxy_buffer buffer, size_t start, size_t max, char **data, size_t *size);
PROXY_IMPORT(proxy_set_buffer_bytes)(enum proxy_buffer buffer, size_t start, size_t replaced, const char *data, size_t size);

PROXY_IMPORT(proxy_get_header_map_value)
(enum proxy_map map, const char *name, size_t name_size, char **value, size_t *size);
PROXY_IMPORT(proxy_add_header_map_value)
(enum proxy_map map, const char *name, size_t name_size, const char *value, size_t size);
PROXY_IMPORT(proxy_replace_header_map_value)
(enum proxy_map map, const char *name, size_t name_size, const char *value, size_t size);
PROXY_IMPORT(proxy_remove_header_map_value)(enum proxy_map map, const char *name, size_t name_size);

// `headers` and `trailers` are lists as the ABI writes them, or NULL: see the specification. `grpc_status` -1: none.
PROXY_IMPORT(proxy_send_local_response)
(uint32_t status, const char *details, size_t details_size, const char *body, size_t body_size, const char *headers,
 size_t headers_size, int32_t grpc_status);
PROXY_IMPORT(proxy_continue_stream)(enum proxy_stream stream);
PROXY_IMPORT(proxy_http_call)
(const char *cluster, size_t cluster_size, const char *headers, size_t headers_size, const char *body, size_t body_size,
 const char *trailers, size_t trailers_size, uint32_t timeout_ms, uint32_t *call);

// A path of several parts has a zero between them: "request\0path".
PROXY_IMPORT(proxy_get_property)(const char *path, size_t path_size, char **value, size_t *size);
PROXY_IMPORT(proxy_get_shared_data)(const char *key, size_t key_size, char **value, size_t *size, uint32_t *cas);
PROXY_IMPORT(proxy_set_shared_data)(const char *key, size_t key_size, const char *value, size_t size, uint32_t cas);

PROXY_IMPORT(proxy_define_metric)(enum proxy_metric type, const char *name, size_t name_size, uint32_t *metric);
PROXY_IMPORT(proxy_increment_metric)(uint32_t metric, int64_t difference);
PROXY_IMPORT(proxy_record_metric)(uint32_t metric, uint64_t value);

// A literal and its size, for the functions above: proxy_log(LOG_INFO, TEXT("it starts")).
#define TEXT(literal) literal, sizeof(literal) - 1
