#include "json.h"

namespace {

void appendUtf8(std::string &value, uint32_t code) {
  if (code < 0x80) {
    value.push_back(static_cast<char>(code));
    return;
  }
  int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};
  value.push_back(static_cast<char>(first[more] | (code >> (6 * more))));
  while (more-- > 0) value.push_back(static_cast<char>(0x80 | ((code >> (6 * more)) & 0x3f)));
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }

} // namespace

bool JsonReader::fail(std::string_view why) {
  if (fault.empty()) fault = why;
  text = {};
  return false;
}

void JsonReader::skipSpace() {
  const size_t start = text.find_first_not_of(" \t\r\n");
  text.remove_prefix(start == std::string_view::npos ? text.size() : start);
}

bool JsonReader::take(char c) {
  skipSpace();
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

bool JsonReader::open(char bracket) {
  return take(bracket) || fail(bracket == '{' ? "an object is missing" : "an array is missing");
}

bool JsonReader::next(bool &first, char close) {
  if (!fault.empty() || take(close)) return false;
  if (!first && !take(',')) return fail("a comma or a closing bracket is missing");
  first = false;
  return true;
}

bool JsonReader::field(bool &first, std::string &name) {
  if (!next(first, '}') || !string(name)) return false;
  return take(':') || fail("a colon is missing");
}

bool JsonReader::codeUnit(uint32_t &code) {
  if (text.size() < 4) return false;
  code = 0;
  for (const char c : text.substr(0, 4)) {
    const char lower = static_cast<char>(c | 0x20);
    if (isDigit(c)) code = code * 16 + static_cast<uint32_t>(c - '0');
    else if (lower >= 'a' && lower <= 'f') code = code * 16 + static_cast<uint32_t>(lower - 'a' + 10);
    else return false;
  }
  text.remove_prefix(4);
  return true;
}

bool JsonReader::codePoint(std::string &value) {
  uint32_t code = 0, low = 0;
  if (!codeUnit(code)) return false;
  if (code >= 0xd800 && code < 0xe000) { // one of a pair
    if (code >= 0xdc00 || !word("\\u") || !codeUnit(low) || low < 0xdc00 || low >= 0xe000) return false;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  appendUtf8(value, code);
  return true;
}

bool JsonReader::escape(std::string &value) {
  constexpr std::string_view names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
  if (text.empty()) return false;
  const char c = text.front();
  text.remove_prefix(1);
  if (c == 'u') return codePoint(value);
  const size_t which = names.find(c);
  if (which == std::string_view::npos) return false;
  value.push_back(values[which]);
  return true;
}

bool JsonReader::string(std::string &value) {
  if (!take('"')) return fail("a string is missing");
  value.clear();
  while (!text.empty() && static_cast<unsigned char>(text.front()) >= 0x20) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '"') return true;
    if (c != '\\') value.push_back(c);
    else if (!escape(value)) return fail("an escape is not one of JSON");
  }
  return fail("a closing quote is missing");
}

bool JsonReader::word(std::string_view expected) {
  if (text.substr(0, expected.size()) != expected) return false;
  text.remove_prefix(expected.size());
  return true;
}

bool JsonReader::end() {
  skipSpace();
  return fault.empty() && (text.empty() || fail("there is more after the value"));
}
