// A reader of JSON (RFC 8259) that makes no tree: it goes through the text once, and the caller says what must come next.
// It knows objects, arrays and strings, which this filter's configuration is made of.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

class JsonReader {
public:
  explicit JsonReader(std::string_view text) : text(text) {}

  // What is wrong with the text; empty: nothing so far. After the first fault every function gives false.
  std::string_view error() const { return fault; }

  // A value that must be an object or an array: '{' or '['.
  bool open(char bracket);
  // The next item of an array, or false at its end, which it goes past. `first` begins as true.
  bool item(bool &first) { return next(first, ']'); }
  // The same for an object: the name of the next field.
  bool field(bool &first, std::string &name);
  // A value that must be a string.
  bool string(std::string &value);
  // Nothing but space is left.
  bool end();

private:
  std::string_view text; // what is left of it
  std::string_view fault;

  bool fail(std::string_view why);
  void skipSpace();
  bool take(char c);
  bool next(bool &first, char close);
  bool word(std::string_view expected);
  bool escape(std::string &value);
  bool codeUnit(uint32_t &code);
  bool codePoint(std::string &value);
};
