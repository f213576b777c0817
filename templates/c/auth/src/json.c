#include "json.h"
#include <stdint.h>
#include <string.h>

static bool fail(struct json *json, const char *error) {
  if (json->error == NULL) json->error = error;
  json->at = json->end;
  return false;
}

static void skip_space(struct json *json) {
  while (json->at < json->end && memchr(" \t\r\n", *json->at, 4) != NULL) json->at++;
}

static bool take(struct json *json, char c) {
  skip_space(json);
  if (json->at == json->end || *json->at != c) return false;
  json->at++;
  return true;
}

struct json json_read(char *text, size_t size) { return (struct json){.at = text, .end = text + size, .error = NULL}; }

bool json_open(struct json *json, char bracket) {
  if (take(json, bracket)) return true;
  return fail(json, bracket == '{' ? "an object is missing" : "an array is missing");
}

static bool next(struct json *json, bool *first, char close) {
  if (json->error != NULL || take(json, close)) return false;
  if (!*first && !take(json, ',')) return fail(json, "a comma or a closing bracket is missing");
  *first = false;
  return true;
}

bool json_item(struct json *json, bool *first) { return next(json, first, ']'); }

bool json_field(struct json *json, bool *first, struct text *name) {
  if (!next(json, first, '}') || !json_string(json, name)) return false;
  return take(json, ':') || fail(json, "a colon is missing");
}

// Four hexadecimal digits, or -1.
static int32_t code_unit(struct json *json) {
  if (json->end - json->at < 4) return -1;
  int32_t code = 0;
  for (int i = 0; i < 4; i++) {
    char c = *json->at++;
    char lower = c | 0x20;
    if (c >= '0' && c <= '9') code = code * 16 + (c - '0');
    else if (lower >= 'a' && lower <= 'f') code = code * 16 + (lower - 'a' + 10);
    else return -1;
  }
  return code;
}

// UTF-8 is never longer than the escape that it stands for, so it fits where the escape stood.
static char *put_utf8(char *to, uint32_t code) {
  if (code < 0x80) {
    *to++ = (char)code;
    return to;
  }
  int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};
  *to++ = (char)(first[more] | (code >> (6 * more)));
  while (more-- > 0) *to++ = (char)(0x80 | ((code >> (6 * more)) & 0x3f));
  return to;
}

static char *put_code_point(struct json *json, char *to) {
  int32_t code = code_unit(json);
  if (code >= 0xd800 && code < 0xdc00 && json->end - json->at >= 6 && json->at[0] == '\\' && json->at[1] == 'u') {
    json->at += 2;
    int32_t low = code_unit(json);
    code = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : -1;
  } else if (code >= 0xd800 && code < 0xe000) {
    code = -1; // half of a pair
  }
  return code < 0 ? NULL : put_utf8(to, (uint32_t)code);
}

static char *put_escaped(struct json *json, char *to) {
  static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
  char c = *json->at++;
  if (c == 'u') return put_code_point(json, to);
  const char *name = memchr(names, c, sizeof(names) - 1);
  if (name == NULL) return NULL;
  *to++ = values[name - names];
  return to;
}

bool json_string(struct json *json, struct text *string) {
  if (!take(json, '"')) return fail(json, "a string is missing");
  char *to = string->data = json->at;
  while (json->at < json->end && (unsigned char)*json->at >= 0x20) {
    char c = *json->at++;
    if (c == '"') {
      string->size = (size_t)(to - string->data);
      return true;
    }
    if (c != '\\') {
      *to++ = c;
    } else if (json->at == json->end || (to = put_escaped(json, to)) == NULL) {
      return fail(json, "an escape is not one of JSON");
    }
  }
  return fail(json, "a closing quote is missing");
}

bool json_end(struct json *json) {
  skip_space(json);
  return json->error == NULL && (json->at == json->end || fail(json, "there is more after the value"));
}

bool text_is(struct text text, const char *literal) {
  return text.size == strlen(literal) && memcmp(text.data, literal, text.size) == 0;
}
