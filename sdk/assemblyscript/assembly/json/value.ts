export enum JsonKind {
  Null,
  Boolean,
  Number,
  String,
  Array,
  Object,
}

/** A JSON value. What is not there, or of another kind, reads as the fallback, so that a configuration reads in one line a field. */
export class JsonValue {
  kind: JsonKind = JsonKind.Null;
  /** The text of a string; the digits of a number, as they were written. */
  text: string = "";
  flag: bool = false;
  /** Of an array, or the values of an object in the order of its keys. */
  items: JsonValue[] = [];
  keys: string[] = [];

  /** The field of this name; a key that is there twice counts as its last. Null: there is none, or this is no object. */
  get(key: string): JsonValue | null {
    for (let i = this.keys.length - 1; i >= 0; i--) if (this.keys[i] == key) return this.items[i];
    return null;
  }

  string(key: string, fallback: string = ""): string {
    const field = this.get(key);
    return field !== null && field.kind == JsonKind.String ? field.text : fallback;
  }

  number(key: string, fallback: f64 = 0): f64 {
    const field = this.get(key);
    return field !== null && field.kind == JsonKind.Number ? parseFloat(field.text) : fallback;
  }

  /** A whole number, exact up to 64 bits. One with a fraction or an exponent gives the fallback. */
  integer(key: string, fallback: i64 = 0): i64 {
    const field = this.get(key);
    if (field === null || field.kind != JsonKind.Number) return fallback;
    const text = field.text;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c == 0x2e || c == 0x65 || c == 0x45) return fallback;
    }
    return I64.parseInt(text);
  }

  boolean(key: string, fallback: bool = false): bool {
    const field = this.get(key);
    return field !== null && field.kind == JsonKind.Boolean ? field.flag : fallback;
  }

  /** The items of an array; none where there is no array. */
  list(key: string): JsonValue[] {
    const field = this.get(key);
    return field !== null && field.kind == JsonKind.Array ? field.items : [];
  }

  /** The strings of an array of strings. Other items are left out. */
  strings(key: string): string[] {
    const items = this.list(key);
    const texts: string[] = [];
    for (let i = 0; i < items.length; i++) if (items[i].kind == JsonKind.String) texts.push(items[i].text);
    return texts;
  }

  has(key: string): bool {
    return this.get(key) !== null;
  }
}

/** What is wrong with a text that is no JSON, and where. */
export class JsonError {
  constructor(
    public message: string,
    /** Characters before it. */
    public offset: i32,
  ) {}

  toString(): string {
    return this.message + " at character " + this.offset.toString();
  }
}
