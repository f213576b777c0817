// Adds `x-hello` to every response; the configuration is its value, "world" without one.
// There is one value in a VM. Weir gives every filter a VM of its own.
#include "proxy_wasm.h"
#include <stdlib.h>

static char *value = NULL;
static size_t value_size = 0;

PROXY_EXPORT(proxy_abi_version_0_2_1) void abi_version(void) {}
PROXY_EXPORT(proxy_on_memory_allocate) void *on_memory_allocate(size_t size) { return malloc(size); }
PROXY_EXPORT(proxy_on_context_create) void on_context_create(uint32_t context, uint32_t parent) {}
PROXY_EXPORT(proxy_on_vm_start) uint32_t on_vm_start(uint32_t context, uint32_t size) { return 1; }

// 0 refuses the configuration; the proxy then keeps what it ran before.
PROXY_EXPORT(proxy_on_configure) uint32_t on_configure(uint32_t context, uint32_t size) {
  free(value);
  value = NULL;
  value_size = 0;
  if (size == 0) return 1;
  return proxy_get_buffer_bytes(BUFFER_PLUGIN_CONFIGURATION, 0, size, &value, &value_size) == STATUS_OK;
}

PROXY_EXPORT(proxy_on_response_headers) uint32_t on_response_headers(uint32_t context, uint32_t count, uint32_t end_of_stream) {
  if (value == NULL) {
    proxy_add_header_map_value(MAP_RESPONSE_HEADERS, "x-hello", 7, "world", 5);
  } else {
    proxy_add_header_map_value(MAP_RESPONSE_HEADERS, "x-hello", 7, value, value_size);
  }
  return ACTION_CONTINUE;
}

PROXY_EXPORT(proxy_on_done) uint32_t on_done(uint32_t context) { return 1; }
PROXY_EXPORT(proxy_on_delete) void on_delete(uint32_t context) {}
