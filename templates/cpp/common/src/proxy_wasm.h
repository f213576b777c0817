// What HTTP filters use of the proxy-wasm ABI 0.2.1, as classes. A filter derives from Plugin and Stream and defines createPlugin().
// https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace proxy_wasm {

enum class Status : uint32_t { Ok = 0, NotFound = 1, BadArgument = 2, Empty = 7, CasMismatch = 8, InternalFailure = 10 };
// What the proxy does after a callback of a stream: goes on, or waits for resume() or respond().
enum class Action : uint32_t { Continue = 0, Pause = 1 };
enum class LogLevel : uint32_t { Trace, Debug, Info, Warn, Error, Critical };
enum class Map : uint32_t { RequestHeaders = 0, RequestTrailers = 1, ResponseHeaders = 2, ResponseTrailers = 3 };
enum class Body : uint32_t { Request = 0, Response = 1 };

using Headers = std::vector<std::pair<std::string_view, std::string_view>>;

void log(LogLevel level, std::string_view message);
// Nanoseconds since 1970.
uint64_t now();

// Headers can be used in their own callback, and while that paused the stream. Nothing: there is no such header.
std::optional<std::string> header(Map map, std::string_view name);
Status addHeader(Map map, std::string_view name, std::string_view value);
Status setHeader(Map map, std::string_view name, std::string_view value);
Status removeHeader(Map map, std::string_view name);

// What came of a body since its last callback, or all since one that gave Action::Pause.
std::string bodyBytes(Body body, size_t start = 0, size_t max = SIZE_MAX);
// Replaces all of it.
Status setBody(Body body, std::string_view bytes);

// Answers in the place of the upstream. Give Action::Pause from the callback afterwards.
Status respond(uint32_t status, std::string_view body = {}, const Headers &headers = {}, std::string_view details = {});
// Lets a stream go on that a callback paused.
Status resume(Body direction);
// Attributes of the request, the connection and the proxy: property({"source", "address"}).
std::optional<std::string> property(std::initializer_list<std::string_view> path);

// One HTTP request and its response.
class Stream {
public:
  virtual ~Stream() = default;
  // `end`: neither a body nor trailers follow.
  virtual Action onRequestHeaders(bool /*end*/) { return Action::Continue; }
  virtual Action onRequestBody(size_t /*size*/, bool /*end*/) { return Action::Continue; }
  virtual Action onRequestTrailers() { return Action::Continue; }
  virtual Action onResponseHeaders(bool /*end*/) { return Action::Continue; }
  virtual Action onResponseBody(size_t /*size*/, bool /*end*/) { return Action::Continue; }
  virtual Action onResponseTrailers() { return Action::Continue; }
  // The exchange is over: headers of both directions can be read, and nothing be changed.
  virtual void onLog() {}
};

// The filter with its configuration: one for each worker thread of the proxy. It outlives its streams.
class Plugin {
public:
  virtual ~Plugin() = default;
  // False refuses the configuration: the proxy keeps what it ran before. Log why.
  virtual bool onConfigure(std::string_view /*configuration*/) { return true; }
  virtual std::unique_ptr<Stream> createStream() = 0;
};

// The filter defines this one.
std::unique_ptr<Plugin> createPlugin();

} // namespace proxy_wasm
