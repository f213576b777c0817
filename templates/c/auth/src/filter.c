// Lets only requests with a known token pass. Others are answered with 401; no other service is asked.
// Configuration: {"tokens": ["..."]}. Requests bring one of them: "authorization: Bearer ...".
#include "json.h"
#include "proxy_wasm.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_TOKENS = 64 };

// The tokens stand in the configuration's text, which stays as long as they are used.
static char *configuration = NULL;
static struct text tokens[MAX_TOKENS];
static size_t token_count = 0;

static bool refuse(const char *why) {
  static const char prefix[] = "configuration: ";
  char message[128];
  size_t size = strlen(why);
  memcpy(message, prefix, sizeof(prefix) - 1);
  memcpy(message + sizeof(prefix) - 1, why, size);
  proxy_log(LOG_ERROR, message, sizeof(prefix) - 1 + size);
  return false;
}

static bool read_tokens(struct json *json) {
  bool first = true;
  token_count = 0;
  if (!json_open(json, '[')) return false;
  while (json_item(json, &first)) {
    if (token_count == MAX_TOKENS) return refuse("tokens must have 64 at most");
    struct text *token = &tokens[token_count++];
    if (!json_string(json, token)) return false;
    if (token->size == 0) return refuse("tokens must not be empty");
  }
  return json->error == NULL;
}

static bool read_configuration(char *data, size_t size) {
  struct json json = json_read(data, size);
  struct text name;
  bool first = true;
  if (!json_open(&json, '{')) return refuse(json.error);
  while (json_field(&json, &first, &name)) {
    if (!text_is(name, "tokens")) return refuse("there is a field that is not known; tokens is");
    if (!read_tokens(&json)) return json.error != NULL && refuse(json.error);
  }
  if (!json_end(&json)) return refuse(json.error);
  return token_count > 0 || refuse("tokens must have at least one");
}

// How long it takes tells nothing of the bytes: guessing a token byte by byte is of no use. The size is no secret.
static bool is_same(struct text token, const char *data, size_t size) {
  unsigned char difference = 0;
  if (token.size != size) return false;
  for (size_t i = 0; i < size; i++) difference |= (unsigned char)(token.data[i] ^ data[i]);
  return difference == 0;
}

// `value`: of the header authorization. The scheme's case does not matter (RFC 9110, section 11.1).
static bool is_allowed(const char *value, size_t size) {
  static const char scheme[] = "bearer ";
  const size_t length = sizeof(scheme) - 1;
  bool found = false;
  if (size <= length) return false;
  for (size_t i = 0; i < length - 1; i++)
    if ((value[i] | 0x20) != scheme[i]) return false;
  if (value[length - 1] != ' ') return false;
  for (size_t i = 0; i < token_count; i++) found |= is_same(tokens[i], value + length, size - length);
  return found;
}

// A list of one header, as the ABI writes it: the count, the sizes, then name and value, each with a zero behind it.
static const char challenge[] = "\1\0\0\0" "\20\0\0\0" "\6\0\0\0" "www-authenticate\0" "Bearer";

PROXY_EXPORT(proxy_abi_version_0_2_1) void abi_version(void) {}
PROXY_EXPORT(proxy_on_memory_allocate) void *on_memory_allocate(size_t size) { return malloc(size); }
PROXY_EXPORT(proxy_on_context_create) void on_context_create(uint32_t context, uint32_t parent) {}
PROXY_EXPORT(proxy_on_vm_start) bool on_vm_start(uint32_t context, size_t configuration_size) { return true; }

// False refuses the configuration: the proxy keeps what it ran before. The log says why, and never quotes a token.
PROXY_EXPORT(proxy_on_configure) bool on_configure(uint32_t context, size_t size) {
  free(configuration);
  configuration = NULL;
  token_count = 0;
  if (size == 0) return refuse("tokens must have at least one");
  if (proxy_get_buffer_bytes(BUFFER_PLUGIN_CONFIGURATION, 0, size, &configuration, &size) != STATUS_OK) return false;
  return read_configuration(configuration, size);
}

PROXY_EXPORT(proxy_on_request_headers) enum proxy_action on_request_headers(uint32_t context, uint32_t count, bool end) {
  char *value = NULL;
  size_t size = 0;
  bool allowed = false;
  if (proxy_get_header_map_value(MAP_REQUEST_HEADERS, TEXT("authorization"), &value, &size) == STATUS_OK) {
    allowed = is_allowed(value, size);
    free(value); // else each request would leave some memory behind
  }
  if (allowed) return ACTION_CONTINUE;
  proxy_send_local_response(401, TEXT("no_token"), TEXT("a known token is missing\n"), challenge, sizeof(challenge), -1);
  return ACTION_PAUSE;
}

PROXY_EXPORT(proxy_on_done) bool on_done(uint32_t context) { return true; }
PROXY_EXPORT(proxy_on_delete) void on_delete(uint32_t context) {}
