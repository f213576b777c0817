/** A Rust function's name for people, and the crates whose code it may be. */
export interface RustName {
  /** `my_filter::Headers::new`, `<my_filter::Headers as proxy_wasm::traits::HttpContext>::on_http_request_headers`. */
  readonly text: string;
  readonly crates: readonly string[];
}

interface Path {
  readonly text: string;
  /** The crate that has the code. */
  readonly crate: string;
}

/** Parts of a symbol that are read, references included: a few symbols would name themselves for ever. */
const MAX_PARTS = 2000;
const MAX_TEXT = 2000;

/** Reads a mangled symbol, of the present scheme or the one before. `undefined`: it is none. */
export function readRustName(symbol: string): RustName | undefined {
  if (symbol.startsWith("_ZN")) return readLegacy(symbol);
  if (!symbol.startsWith("_R")) return undefined;
  try {
    const { text, crate } = new Symbol0(symbol.slice(2).replace(/^\d+/, "")).path();
    return { text, crates: [crate] };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** https://doc.rust-lang.org/rustc/symbol-mangling/v0.html#symbol-grammar-summary */
class Symbol0 {
  private readonly symbol: string;
  private at = 0;
  private parts = 0;

  constructor(symbol: string) {
    this.symbol = symbol;
  }

  path(): Path {
    const tag = this.next();
    switch (tag) {
      case "C": {
        const name = this.identifier();
        return { text: name, crate: name };
      }
      case "N": {
        this.next();
        const inner = this.path();
        return this.short({ text: `${inner.text}::${this.identifier() || "{closure}"}`, crate: inner.crate });
      }
      case "M":
      case "X": {
        this.disambiguator();
        const { crate } = this.path();
        const type = this.type();
        return this.short({ text: tag === "M" ? type : `<${type} as ${this.path().text}>`, crate });
      }
      case "Y": {
        const type = this.type();
        // What a trait does by itself is the code of its crate.
        const trait = this.path();
        return this.short({ text: `<${type} as ${trait.text}>`, crate: trait.crate });
      }
      case "I": {
        const inner = this.path();
        const args = this.list(() => this.argument());
        return this.short({ text: `${inner.text}<${args.join(", ")}>`, crate: inner.crate });
      }
      case "B":
        return this.behind(() => this.path());
      default:
        throw new SyntaxError(`no path begins with ${tag}`);
    }
  }

  private type(): string {
    const tag = this.symbol[this.at] ?? "";
    if (/[CNMXYI]/.test(tag)) return this.path().text;
    this.next();
    if (tag === "B") return this.behind(() => this.type());
    if (tag === "A") return `[${this.type()}; ${this.argument("K")}]`;
    if (tag === "S") return `[${this.type()}]`;
    if (tag === "T") return `(${this.list(() => this.type()).join(", ")})`;
    if (tag === "R" || tag === "Q") {
      if (this.takes("L")) this.number();
      return `&${this.type()}`;
    }
    if (tag === "P" || tag === "O") return `*${this.type()}`;
    if (tag === "D") return this.dynamic();
    if (/[a-z]/.test(tag)) return BASIC[tag] ?? "_";
    throw new SyntaxError(`no type begins with ${tag}`);
  }

  private dynamic(): string {
    if (this.takes("G")) this.number();
    const traits = this.list(() => {
      const { text } = this.path();
      while (this.takes("p")) {
        this.identifier();
        this.type();
      }
      return text;
    });
    if (this.takes("L")) this.number();
    return `dyn ${traits.join(" + ")}`;
  }

  private argument(kind?: "K"): string {
    if (this.takes("L")) {
      this.number();
      return "'_";
    }
    if (kind === undefined && !this.takes("K")) return this.type();
    if (this.takes("p")) return "_";
    if (this.takes("B")) return this.behind(() => this.argument("K"));
    this.type();
    const value = this.match(/n?[0-9a-f]*_/y);
    return String(Number(`0x${value.replace(/[n_]/g, "") || "0"}`));
  }

  private list(one: () => string): string[] {
    const all: string[] = [];
    while (!this.takes("E")) all.push(one());
    return all;
  }

  private identifier(): string {
    this.disambiguator();
    this.takes("u");
    const length = Number(this.match(/0|[1-9]\d*/y));
    this.takes("_");
    const name = this.symbol.slice(this.at, this.at + length);
    this.at += length;
    return name;
  }

  private disambiguator(): void {
    if (this.takes("s")) this.number();
  }

  /** Base 62: `_` is 0, and `0_` is 1. */
  private number(): number {
    const digits = this.match(/[0-9a-zA-Z]*_/y).slice(0, -1);
    return digits === "" ? 0 : [...digits].reduce((sum, digit) => sum * 62 + DIGITS.indexOf(digit), 0) + 1;
  }

  /** What stands earlier in the symbol. */
  private behind<T>(read: () => T): T {
    const to = this.number();
    const back = this.at;
    if (to >= back) throw new SyntaxError("a reference leads on");
    this.at = to;
    const found = read();
    this.at = back;
    return found;
  }

  private short(path: Path): Path {
    if (path.text.length > MAX_TEXT) throw new SyntaxError("the name is too long");
    return path;
  }

  private takes(tag: string): boolean {
    if (this.symbol[this.at] !== tag) return false;
    this.next();
    return true;
  }

  private next(): string {
    this.parts += 1;
    const tag = this.symbol[this.at];
    if (tag === undefined || this.parts > MAX_PARTS) throw new SyntaxError("the symbol ends early");
    this.at += 1;
    return tag;
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.symbol)?.[0];
    if (found === undefined) throw new SyntaxError(`no ${pattern} at ${this.at}`);
    this.at += found.length;
    return found;
  }
}

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BASIC: Readonly<Record<string, string>> = {
  ...{ a: "i8", b: "bool", c: "char", d: "f64", e: "str", f: "f32", h: "u8", i: "isize", j: "usize", l: "i32", m: "u32" },
  ...{ n: "i128", o: "u128", s: "i16", t: "u16", u: "()", v: "...", x: "i64", y: "u64", z: "!" },
};

/** `_ZN`, each part with its length, a hash, `E`. The parts are escaped: `$LT$` is `<`, `..` is `::`. */
function readLegacy(symbol: string): RustName | undefined {
  const parts: string[] = [];
  let rest = symbol.slice("_ZN".length);
  for (let length = /^\d+/.exec(rest)?.[0]; length !== undefined; length = /^\d+/.exec(rest)?.[0]) {
    parts.push(unescapePart(rest.slice(length.length, length.length + Number(length))));
    rest = rest.slice(length.length + Number(length));
  }
  if (!/^h[0-9a-f]{16}$/.test(parts.at(-1) ?? "")) return undefined;
  const [first = ""] = parts;
  // `<T as Trait>` does not tell which of the two has the code; a T without a path is a parameter.
  const crates = first.startsWith("<")
    ? [...first.matchAll(/(?:^<[&*]?(?:mut )?|^<\w+ as | as )(\w+)::/g)].map(([, crate = ""]) => crate)
    : [first];
  return { text: parts.slice(0, -1).join("::"), crates };
}

const ESCAPES: Readonly<Record<string, string>> = { SP: "@", BP: "*", RF: "&", LT: "<", GT: ">", LP: "(", RP: ")", C: "," };

function unescapePart(part: string): string {
  return part
    .replace(/^_(?=\$)/, "")
    .replace(/\$(?:u([0-9a-f]{1,6})|([A-Z]+))\$/g, (whole, code, name) =>
      code === undefined ? (ESCAPES[name] ?? whole) : String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10ffff)),
    )
    .replaceAll("..", "::");
}
