// Just enough JSON (RFC 8259) for a flat configuration object.

export function isObject(json: string): bool {
  const text = json.trim();
  return text.startsWith("{") && text.endsWith("}");
}

// The string field `name` of the object itself (not of an object inside it), or `fallback`.
export function stringField(json: string, name: string, fallback: string): string {
  const reader = new Reader(json);
  let depth = 0;
  while (!reader.atEnd()) {
    const c = reader.next();
    if (c == "{" || c == "[") depth++;
    else if (c == "}" || c == "]") depth--;
    else if (c == '"') {
      const text = reader.restOfString();
      if (depth != 1 || text != name || !reader.skip(":")) continue;
      if (reader.skip('"')) return reader.restOfString();
      return fallback;
    }
  }
  return fallback;
}

class Reader {
  private at: i32 = 0;

  constructor(private json: string) {}

  atEnd(): bool {
    return this.at >= this.json.length;
  }

  next(): string {
    return this.json.charAt(this.at++);
  }

  // Takes `wanted` and the white space before it, when it comes next.
  skip(wanted: string): bool {
    let i = this.at;
    while (i < this.json.length && " \t\r\n".includes(this.json.charAt(i))) i++;
    if (this.json.charAt(i) != wanted) return false;
    this.at = i + 1;
    return true;
  }

  // The text up to the closing quote, escapes resolved.
  restOfString(): string {
    let text = "";
    while (!this.atEnd()) {
      const c = this.next();
      if (c == '"') break;
      // Not a ternary: this compiler miscounts references when one branch makes a string and the other has one.
      if (c == "\\") text += this.escaped();
      else text += c;
    }
    return text;
  }

  private escaped(): string {
    const c = this.next();
    if (c == "n") return "\n";
    if (c == "t") return "\t";
    if (c == "r") return "\r";
    if (c == "b") return "\b";
    if (c == "f") return "\f";
    if (c != "u") return c;
    const code = <i32>parseInt(this.json.substr(this.at, 4), 16);
    this.at += 4;
    return String.fromCharCode(code);
  }
}
