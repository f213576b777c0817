// Adds the header x-hello to every response. The configuration is its value; without one it is "world".
#include "proxy_wasm.h"

using namespace proxy_wasm;

namespace {

// Line breaks and other control characters in a header would let a value forge headers of its own.
bool isHeaderValue(std::string_view text) {
  for (const unsigned char c : text)
    if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
  return true;
}

class HelloStream : public Stream {
public:
  explicit HelloStream(const std::string &value) : value(value) {}

  Action onResponseHeaders(bool) override {
    addHeader(Map::ResponseHeaders, "x-hello", value);
    return Action::Continue;
  }

private:
  const std::string &value; // of the plugin, which outlives its streams
};

class Hello : public Plugin {
public:
  bool onConfigure(std::string_view configuration) override {
    if (configuration.empty()) return true;
    if (!isHeaderValue(configuration)) {
      log(LogLevel::Error, "configuration: the value of a header has no line breaks and no other control characters");
      return false;
    }
    value = configuration;
    return true;
  }

  std::unique_ptr<Stream> createStream() override { return std::make_unique<HelloStream>(value); }

private:
  std::string value = "world";
};

} // namespace

std::unique_ptr<Plugin> proxy_wasm::createPlugin() { return std::make_unique<Hello>(); }
