import { JsonError, JsonKind, JsonValue } from "./value";

const MAX_DEPTH = 64;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** https://www.rfc-editor.org/rfc/rfc8259 */
export class Parser {
  error: JsonError | null = null;
  private at: i32 = 0;

  constructor(private text: string) {}

  parse(): JsonValue {
    this.skipSpace();
    if (this.at == this.text.length) {
      const empty = new JsonValue(this.at);
      empty.kind = JsonKind.Object;
      return empty;
    }
    const value = this.value(0);
    this.skipSpace();
    if (this.at < this.text.length) this.fail("there is more after the value");
    return value;
  }

  private value(depth: i32): JsonValue {
    const value = new JsonValue(this.at);
    const c = this.peek();
    if (depth == MAX_DEPTH) this.fail("it is nested too deeply");
    else if (c == 0x7b) this.object(value, depth);
    else if (c == 0x5b) this.array(value, depth);
    else if (c == QUOTE) {
      value.kind = JsonKind.String;
      value.text = this.string();
    } else if (c == 0x2d || isDigit(c)) this.number(value);
    else if (this.takeWord("true")) {
      value.kind = JsonKind.Boolean;
      value.flag = true;
    } else if (this.takeWord("false")) value.kind = JsonKind.Boolean;
    else if (!this.takeWord("null")) this.fail("a value is missing");
    return value;
  }

  private object(value: JsonValue, depth: i32): void {
    value.kind = JsonKind.Object;
    value.keys = [];
    value.items = [];
    this.at++;
    this.skipSpace();
    if (this.take(0x7d)) return;
    while (this.error === null) {
      this.skipSpace();
      if (this.peek() != QUOTE) return this.fail("a key in quotes is missing");
      value.keys.push(this.string());
      this.skipSpace();
      if (!this.take(0x3a)) return this.fail("a colon is missing");
      this.skipSpace();
      value.items.push(this.value(depth + 1));
      this.skipSpace();
      if (this.take(0x7d)) return;
      if (!this.take(0x2c)) return this.fail("a comma or } is missing");
    }
  }

  private array(value: JsonValue, depth: i32): void {
    value.kind = JsonKind.Array;
    value.items = [];
    this.at++;
    this.skipSpace();
    if (this.take(0x5d)) return;
    while (this.error === null) {
      this.skipSpace();
      value.items.push(this.value(depth + 1));
      this.skipSpace();
      if (this.take(0x5d)) return;
      if (!this.take(0x2c)) return this.fail("a comma or ] is missing");
    }
  }

  private number(value: JsonValue): void {
    const start = this.at;
    this.take(0x2d);
    if (!this.take(0x30) && !this.digits()) return this.fail("a digit is missing");
    if (this.take(0x2e) && !this.digits()) return this.fail("a digit is missing");
    if (this.take(0x65) || this.take(0x45)) {
      if (!this.take(0x2b)) this.take(0x2d);
      if (!this.digits()) return this.fail("a digit is missing");
    }
    value.kind = JsonKind.Number;
    value.text = this.text.substring(start, this.at);
  }

  private digits(): bool {
    const start = this.at;
    while (isDigit(this.peek())) this.at++;
    return this.at > start;
  }

  private string(): string {
    const start = ++this.at;
    const end = this.endOfString();
    if (this.error !== null) return "";
    // A text is never longer than what it is written as.
    const units = new StaticArray<u16>(end - start);
    let count = 0;
    while (this.at < end && this.error === null) {
      const c = this.text.charCodeAt(this.at++);
      unchecked((units[count++] = <u16>(c == BACKSLASH ? this.escape() : c)));
    }
    this.at = end + 1;
    return String.UTF16.decodeUnsafe(changetype<usize>(units), (<usize>count) << 1);
  }

  /** Where the quote is that ends the string. */
  private endOfString(): i32 {
    let at = this.at;
    for (; at < this.text.length; at++) {
      const c = this.text.charCodeAt(at);
      if (c == QUOTE) return at;
      if (c < 0x20) break;
      if (c == BACKSLASH) at++;
    }
    this.at = min(at, this.text.length);
    this.fail("a quote is missing");
    return this.at;
  }

  /** The code unit that stands behind a backslash. */
  private escape(): i32 {
    const c = this.text.charCodeAt(this.at++);
    switch (c) {
      case QUOTE:
      case BACKSLASH:
      case 0x2f:
        return c;
      case 0x62:
        return 0x08;
      case 0x66:
        return 0x0c;
      case 0x6e:
        return 0x0a;
      case 0x72:
        return 0x0d;
      case 0x74:
        return 0x09;
      case 0x75:
        return this.codeUnit();
    }
    this.at -= 2;
    this.fail("an escape is not one of JSON");
    return 0;
  }

  private codeUnit(): i32 {
    let code = 0;
    for (let i = 0; i < 4; i++) {
      const digit = hexOf(this.peek());
      if (digit < 0) {
        this.fail("four hexadecimal digits are missing");
        return 0;
      }
      code = (code << 4) | digit;
      this.at++;
    }
    return code;
  }

  private takeWord(word: string): bool {
    if (this.text.substr(this.at, word.length) != word) return false;
    this.at += word.length;
    return true;
  }

  private take(c: i32): bool {
    if (this.peek() != c) return false;
    this.at++;
    return true;
  }

  /** -1 behind the end. */
  private peek(): i32 {
    return this.at < this.text.length ? this.text.charCodeAt(this.at) : -1;
  }

  private skipSpace(): void {
    while (true) {
      const c = this.peek();
      if (c != 0x20 && c != 0x0a && c != 0x0d && c != 0x09) return;
      this.at++;
    }
  }

  /** The first fault counts. */
  private fail(message: string): void {
    if (this.error === null) this.error = new JsonError(message, this.at);
  }
}

function isDigit(c: i32): bool {
  return c >= 0x30 && c <= 0x39;
}

/** -1: no hexadecimal digit. */
function hexOf(c: i32): i32 {
  if (isDigit(c)) return c - 0x30;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
