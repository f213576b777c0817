// What these filters use of the proxy-wasm ABI 0.2.1: https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1
#pragma once
#include <stddef.h>
#include <stdint.h>

#define PROXY_IMPORT(name) __attribute__((import_module("env"), import_name(#name)))
#define PROXY_EXPORT(name) __attribute__((export_name(#name)))

enum { STATUS_OK = 0 };
enum { ACTION_CONTINUE = 0 };
enum { MAP_RESPONSE_HEADERS = 2 };
enum { BUFFER_PLUGIN_CONFIGURATION = 7 };

#ifdef __cplusplus
extern "C" {
#endif
// The proxy asks proxy_on_memory_allocate for `*data`, which then belongs to the filter.
PROXY_IMPORT(proxy_get_buffer_bytes)
uint32_t proxy_get_buffer_bytes(uint32_t buffer, size_t start, size_t max, char **data, size_t *size);
PROXY_IMPORT(proxy_add_header_map_value)
uint32_t proxy_add_header_map_value(uint32_t map, const char *key, size_t key_size, const char *value, size_t value_size);
#ifdef __cplusplus
}
#endif
