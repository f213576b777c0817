// Lets only requests with a known token pass. Others are answered with 401; no other service is asked.
// Configuration: {"tokens": ["..."]}. Requests bring one of them: "authorization: Bearer ...".
#include "json.h"
#include "proxy_wasm.h"

using namespace proxy_wasm;

namespace {

constexpr std::string_view scheme = "bearer";

bool refuse(std::string_view why) {
  log(LogLevel::Error, std::string("configuration: ").append(why));
  return false;
}

// How long it takes tells nothing of the bytes: guessing a token byte by byte is of no use. The size is no secret.
bool isSame(std::string_view a, std::string_view b) {
  unsigned difference = 0;
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); i++) difference |= static_cast<unsigned>(a[i] ^ b[i]);
  return difference == 0;
}

// The scheme's case does not matter (RFC 9110, section 11.1).
bool hasScheme(std::string_view value) {
  if (value.size() <= scheme.size() || value[scheme.size()] != ' ') return false;
  for (size_t i = 0; i < scheme.size(); i++)
    if ((value[i] | 0x20) != scheme[i]) return false;
  return true;
}

class Auth : public Plugin {
public:
  // The log says why a configuration is refused, and never quotes a token.
  bool onConfigure(std::string_view configuration) override {
    JsonReader json(configuration.empty() ? "{}" : configuration);
    std::string name;
    bool first = true;
    if (!json.open('{')) return refuse(json.error());
    while (json.field(first, name)) {
      if (name != "tokens") return refuse("there is a field that is not known; tokens is");
      if (!readTokens(json)) return refuse(json.error());
    }
    if (!json.end()) return refuse(json.error());
    if (tokens.empty()) return refuse("tokens must have at least one");
    for (const std::string &token : tokens)
      if (token.empty()) return refuse("tokens must not be empty");
    return true;
  }

  std::unique_ptr<Stream> createStream() override;

  // `value`: of the header authorization.
  bool allows(std::string_view value) const {
    if (!hasScheme(value)) return false;
    bool found = false;
    for (const std::string &token : tokens) found |= isSame(token, value.substr(scheme.size() + 1));
    return found;
  }

private:
  std::vector<std::string> tokens;

  bool readTokens(JsonReader &json) {
    bool first = true;
    tokens.clear();
    if (!json.open('[')) return false;
    while (json.item(first))
      if (!json.string(tokens.emplace_back())) return false;
    return json.error().empty();
  }
};

class AuthStream : public Stream {
public:
  explicit AuthStream(const Auth &auth) : auth(auth) {}

  Action onRequestHeaders(bool) override {
    const auto value = header(Map::RequestHeaders, "authorization");
    if (value && auth.allows(*value)) return Action::Continue;
    respond(401, "a known token is missing\n", {{"www-authenticate", "Bearer"}}, "no_token");
    return Action::Pause;
  }

private:
  const Auth &auth; // outlives its streams
};

std::unique_ptr<Stream> Auth::createStream() { return std::make_unique<AuthStream>(*this); }

} // namespace

std::unique_ptr<Plugin> proxy_wasm::createPlugin() { return std::make_unique<Auth>(); }
