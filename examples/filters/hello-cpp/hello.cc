// Adds `x-hello` to every response; the configuration is its value, "world" without one.
#include "../hello-c/proxy_wasm.h"
#include <cstdlib>
#include <string>
#include <string_view>
#include <unordered_map>

namespace {

constexpr std::string_view header = "x-hello";

// By context: a plugin's value, and the plugin that a request belongs to.
std::unordered_map<uint32_t, std::string> values;
std::unordered_map<uint32_t, uint32_t> plugins;

} // namespace

extern "C" {

PROXY_EXPORT(proxy_abi_version_0_2_1) void abi_version() {}
PROXY_EXPORT(proxy_on_memory_allocate) void *on_memory_allocate(size_t size) { return std::malloc(size); }

PROXY_EXPORT(proxy_on_context_create) void on_context_create(uint32_t context, uint32_t parent) {
  if (parent == 0) {
    values[context] = "world";
  } else {
    plugins[context] = parent;
  }
}

PROXY_EXPORT(proxy_on_vm_start) uint32_t on_vm_start(uint32_t, uint32_t) { return 1; }

// 0 refuses the configuration; the proxy then keeps what it ran before.
PROXY_EXPORT(proxy_on_configure) uint32_t on_configure(uint32_t context, uint32_t size) {
  if (size == 0) return 1;
  char *data = nullptr;
  size_t length = 0;
  if (proxy_get_buffer_bytes(BUFFER_PLUGIN_CONFIGURATION, 0, size, &data, &length) != STATUS_OK) return 0;
  values[context].assign(data, length);
  std::free(data);
  return 1;
}

PROXY_EXPORT(proxy_on_response_headers) uint32_t on_response_headers(uint32_t context, uint32_t, uint32_t) {
  const std::string &value = values[plugins[context]];
  proxy_add_header_map_value(MAP_RESPONSE_HEADERS, header.data(), header.size(), value.data(), value.size());
  return ACTION_CONTINUE;
}

PROXY_EXPORT(proxy_on_done) uint32_t on_done(uint32_t) { return 1; }

PROXY_EXPORT(proxy_on_delete) void on_delete(uint32_t context) {
  values.erase(context);
  plugins.erase(context);
}

} // extern "C"
