// A reader of JSON (RFC 8259) that makes no tree: it goes through the text once, and the caller says what must come next.
// It knows objects, arrays and strings, which this filter's configuration is made of.
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct json {
  char *at;
  char *end;
  // What is wrong with the text. NULL: nothing so far. After the first fault every function gives false.
  const char *error;
};

struct text {
  char *data;
  size_t size;
};

// The text is changed: strings lose their escapes where they stand. It must live as long as they are used.
struct json json_read(char *text, size_t size);

// A value that must be an object or an array: '{' or '['.
bool json_open(struct json *json, char bracket);
// The next item of an array, or false at its end, which it goes past. `first` begins as true.
bool json_item(struct json *json, bool *first);
// The same for an object: the name of the next field.
bool json_field(struct json *json, bool *first, struct text *name);
// A value that must be a string.
bool json_string(struct json *json, struct text *string);
// Nothing but space is left.
bool json_end(struct json *json);

bool text_is(struct text text, const char *literal);
