#include "proxy_wasm.h"
#include <cstdlib>
#include <cstring>
#include <unordered_map>

#define PROXY_IMPORT(name) __attribute__((import_module("env"), import_name(#name))) uint32_t name
#define PROXY_EXPORT(name) __attribute__((export_name(#name)))

// Where a function gives bytes (`char **data, size_t *size`), the host allocated them by proxy_on_memory_allocate: the filter frees them.
extern "C" {
PROXY_IMPORT(proxy_log)(uint32_t level, const char *message, size_t size);
PROXY_IMPORT(proxy_get_current_time_nanoseconds)(uint64_t *time);
PROXY_IMPORT(proxy_get_buffer_bytes)(uint32_t buffer, size_t start, size_t max, char **data, size_t *size);
PROXY_IMPORT(proxy_set_buffer_bytes)(uint32_t buffer, size_t start, size_t replaced, const char *data, size_t size);
PROXY_IMPORT(proxy_get_header_map_value)(uint32_t map, const char *name, size_t nameSize, char **value, size_t *size);
PROXY_IMPORT(proxy_add_header_map_value)(uint32_t map, const char *name, size_t nameSize, const char *value, size_t size);
PROXY_IMPORT(proxy_replace_header_map_value)(uint32_t map, const char *name, size_t nameSize, const char *value, size_t size);
PROXY_IMPORT(proxy_remove_header_map_value)(uint32_t map, const char *name, size_t nameSize);
PROXY_IMPORT(proxy_send_local_response)
(uint32_t status, const char *details, size_t detailsSize, const char *body, size_t bodySize, const char *headers,
 size_t headersSize, int32_t grpcStatus);
PROXY_IMPORT(proxy_continue_stream)(uint32_t stream);
PROXY_IMPORT(proxy_get_property)(const char *path, size_t pathSize, char **value, size_t *size);
}

namespace proxy_wasm {
namespace {

constexpr uint32_t pluginConfiguration = 7;

// Takes what the host allocated for us, and frees it.
std::string take(char *data, size_t size) {
  std::string text(data, size);
  std::free(data);
  return text;
}

// A list of headers as the ABI writes it: the count, the sizes of names and values, then each of them with a zero behind it.
std::string encode(const Headers &headers) {
  std::string bytes;
  const auto number = [&bytes](size_t value) {
    const auto word = static_cast<uint32_t>(value);
    bytes.append(reinterpret_cast<const char *>(&word), sizeof(word));
  };
  if (headers.empty()) return bytes;
  number(headers.size());
  for (const auto &[name, value] : headers) {
    number(name.size());
    number(value.size());
  }
  for (const auto &[name, value] : headers) {
    bytes.append(name).push_back('\0');
    bytes.append(value).push_back('\0');
  }
  return bytes;
}

// What the proxy knows by a number. A stream's plugin outlives it.
std::unordered_map<uint32_t, std::unique_ptr<Plugin>> plugins;
std::unordered_map<uint32_t, std::unique_ptr<Stream>> streams;

template <typename Callback> uint32_t onStream(uint32_t context, Callback callback) {
  const auto found = streams.find(context);
  return static_cast<uint32_t>(found == streams.end() ? Action::Continue : callback(*found->second));
}

} // namespace

void log(LogLevel level, std::string_view message) {
  proxy_log(static_cast<uint32_t>(level), message.data(), message.size());
}

uint64_t now() {
  uint64_t time = 0;
  proxy_get_current_time_nanoseconds(&time);
  return time;
}

std::optional<std::string> header(Map map, std::string_view name) {
  char *value = nullptr;
  size_t size = 0;
  if (proxy_get_header_map_value(static_cast<uint32_t>(map), name.data(), name.size(), &value, &size) != 0) return std::nullopt;
  return take(value, size);
}

Status addHeader(Map map, std::string_view name, std::string_view value) {
  return static_cast<Status>(
      proxy_add_header_map_value(static_cast<uint32_t>(map), name.data(), name.size(), value.data(), value.size()));
}

Status setHeader(Map map, std::string_view name, std::string_view value) {
  return static_cast<Status>(
      proxy_replace_header_map_value(static_cast<uint32_t>(map), name.data(), name.size(), value.data(), value.size()));
}

Status removeHeader(Map map, std::string_view name) {
  return static_cast<Status>(proxy_remove_header_map_value(static_cast<uint32_t>(map), name.data(), name.size()));
}

std::string bodyBytes(Body body, size_t start, size_t max) {
  char *data = nullptr;
  size_t size = 0;
  if (proxy_get_buffer_bytes(static_cast<uint32_t>(body), start, max, &data, &size) != 0) return {};
  return take(data, size);
}

Status setBody(Body body, std::string_view bytes) {
  return static_cast<Status>(proxy_set_buffer_bytes(static_cast<uint32_t>(body), 0, INT32_MAX, bytes.data(), bytes.size()));
}

Status respond(uint32_t status, std::string_view body, const Headers &headers, std::string_view details) {
  const std::string encoded = encode(headers);
  return static_cast<Status>(proxy_send_local_response(status, details.data(), details.size(), body.data(), body.size(),
                                                       encoded.data(), encoded.size(), -1));
}

Status resume(Body direction) { return static_cast<Status>(proxy_continue_stream(static_cast<uint32_t>(direction))); }

std::optional<std::string> property(std::initializer_list<std::string_view> path) {
  std::string joined;
  for (const auto part : path) {
    if (!joined.empty()) joined.push_back('\0');
    joined.append(part);
  }
  char *value = nullptr;
  size_t size = 0;
  if (proxy_get_property(joined.data(), joined.size(), &value, &size) != 0) return std::nullopt;
  return take(value, size);
}

} // namespace proxy_wasm

// What the proxy calls.
using namespace proxy_wasm;

extern "C" {

PROXY_EXPORT(proxy_abi_version_0_2_1) void abiVersion() {}
PROXY_EXPORT(proxy_on_memory_allocate) void *onMemoryAllocate(size_t size) { return std::malloc(size); }

PROXY_EXPORT(proxy_on_context_create) void onContextCreate(uint32_t context, uint32_t parent) {
  if (parent == 0) {
    plugins[context] = createPlugin();
  } else if (const auto plugin = plugins.find(parent); plugin != plugins.end()) {
    streams[context] = plugin->second->createStream();
  }
}

PROXY_EXPORT(proxy_on_vm_start) bool onVmStart(uint32_t, uint32_t) { return true; }

PROXY_EXPORT(proxy_on_configure) bool onConfigure(uint32_t context, size_t size) {
  char *data = nullptr;
  if (size > 0 && proxy_get_buffer_bytes(pluginConfiguration, 0, size, &data, &size) != 0) return false;
  const std::string configuration = take(data, size);
  const auto plugin = plugins.find(context);
  return plugin != plugins.end() && plugin->second->onConfigure(configuration);
}

PROXY_EXPORT(proxy_on_request_headers) uint32_t onRequestHeaders(uint32_t context, uint32_t, bool end) {
  return onStream(context, [end](Stream &stream) { return stream.onRequestHeaders(end); });
}

PROXY_EXPORT(proxy_on_request_body) uint32_t onRequestBody(uint32_t context, size_t size, bool end) {
  return onStream(context, [size, end](Stream &stream) { return stream.onRequestBody(size, end); });
}

PROXY_EXPORT(proxy_on_request_trailers) uint32_t onRequestTrailers(uint32_t context, uint32_t) {
  return onStream(context, [](Stream &stream) { return stream.onRequestTrailers(); });
}

PROXY_EXPORT(proxy_on_response_headers) uint32_t onResponseHeaders(uint32_t context, uint32_t, bool end) {
  return onStream(context, [end](Stream &stream) { return stream.onResponseHeaders(end); });
}

PROXY_EXPORT(proxy_on_response_body) uint32_t onResponseBody(uint32_t context, size_t size, bool end) {
  return onStream(context, [size, end](Stream &stream) { return stream.onResponseBody(size, end); });
}

PROXY_EXPORT(proxy_on_response_trailers) uint32_t onResponseTrailers(uint32_t context, uint32_t) {
  return onStream(context, [](Stream &stream) { return stream.onResponseTrailers(); });
}

PROXY_EXPORT(proxy_on_log) void onLog(uint32_t context) {
  if (const auto found = streams.find(context); found != streams.end()) found->second->onLog();
}

PROXY_EXPORT(proxy_on_done) bool onDone(uint32_t) { return true; }

PROXY_EXPORT(proxy_on_delete) void onDelete(uint32_t context) {
  streams.erase(context);
  plugins.erase(context);
}

} // extern "C"
