// Adds the header x-hello to every response. The configuration is its value; without one it is "world".
#include "proxy_wasm.h"
#include <stdbool.h>
#include <stdlib.h>

// NULL: nothing is configured. One value is enough: the proxy gives each filter a virtual machine of its own.
static char *value = NULL;
static size_t value_size = 0;

// Line breaks and other control characters in a header would let a value forge headers of its own.
static bool is_header_value(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
  }
  return true;
}

// Without this function the proxy does not know which ABI the module speaks.
PROXY_EXPORT(proxy_abi_version_0_2_1) void abi_version(void) {}

// The proxy asks here for the memory of what it hands over.
PROXY_EXPORT(proxy_on_memory_allocate) void *on_memory_allocate(size_t size) { return malloc(size); }

PROXY_EXPORT(proxy_on_context_create) void on_context_create(uint32_t context, uint32_t parent) {}
PROXY_EXPORT(proxy_on_vm_start) bool on_vm_start(uint32_t context, size_t configuration_size) { return true; }

// False refuses the configuration: the proxy keeps what it ran before. The log says why.
PROXY_EXPORT(proxy_on_configure) bool on_configure(uint32_t context, size_t size) {
  free(value);
  value = NULL;
  value_size = 0;
  if (size == 0) return true;
  if (proxy_get_buffer_bytes(BUFFER_PLUGIN_CONFIGURATION, 0, size, &value, &value_size) != STATUS_OK) return false;
  if (is_header_value(value, value_size)) return true;
  proxy_log(LOG_ERROR, TEXT("configuration: the value of a header has no line breaks and no other control characters"));
  return false;
}

PROXY_EXPORT(proxy_on_response_headers) enum proxy_action on_response_headers(uint32_t context, uint32_t count, bool end) {
  if (value == NULL) {
    proxy_add_header_map_value(MAP_RESPONSE_HEADERS, TEXT("x-hello"), TEXT("world"));
  } else {
    proxy_add_header_map_value(MAP_RESPONSE_HEADERS, TEXT("x-hello"), value, value_size);
  }
  return ACTION_CONTINUE;
}

PROXY_EXPORT(proxy_on_done) bool on_done(uint32_t context) { return true; }
PROXY_EXPORT(proxy_on_delete) void on_delete(uint32_t context) {}
