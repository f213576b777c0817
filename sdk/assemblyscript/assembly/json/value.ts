import { decimal, integerOf, isInteger } from "./integer";

/** https://www.rfc-editor.org/rfc/rfc8259#section-3 */
export enum JsonKind {
  Null,
  Boolean,
  Number,
  String,
  Array,
  Object,
}

/** Made when the first value is: a filter that reads no JSON carries none of it. */
// @ts-ignore: decorator
@lazy
const NO_ITEMS: JsonValue[] = [];
// @ts-ignore: decorator
@lazy
const NO_KEYS: string[] = [];

/** A JSON value (https://www.rfc-editor.org/rfc/rfc8259). What is not there, or of another kind, reads as the fallback, so that a configuration reads in one line a field. */
export class JsonValue {
  kind: JsonKind = JsonKind.Null;
  /** The text of a string; the digits of a number, as they were written. */
  text: string = "";
  flag: bool = false;
  /** Of an array, or the values of an object in the order of its keys. */
  items: JsonValue[] = NO_ITEMS;
  keys: string[] = NO_KEYS;

  constructor(
    /** Characters before it in the text. */
    public offset: i32,
  ) {}

  /** The field of this name; a key that is there twice counts as its last. Null: there is none, or this is no object. */
  get(key: string): JsonValue | null {
    for (let i = this.keys.length - 1; i >= 0; i--) if (this.keys[i] == key) return this.items[i];
    return null;
  }

  /** The text of a field. */
  string(key: string, fallback: string = ""): string {
    const field = this.get(key);
    return field !== null && field.kind == JsonKind.String ? field.text : fallback;
  }

  /** The number in a field. */
  number(key: string, fallback: f64 = 0): f64 {
    const field = this.get(key);
    return field !== null && field.kind == JsonKind.Number ? parseFloat(field.text) : fallback;
  }

  /** A whole number, exact up to 64 bits. One with a fraction or an exponent gives the fallback. */
  integer(key: string, fallback: i64 = 0): i64 {
    const field = this.get(key);
    return field !== null && field.isInteger() ? field.toInteger() : fallback;
  }

  /** Whether it is a number without a fraction and an exponent, of 64 bits. */
  isInteger(): bool {
    return this.kind == JsonKind.Number && isInteger(this.text);
  }

  /** The number, where `isInteger()`. */
  toInteger(): i64 {
    return integerOf(this.text);
  }

  /** True or false, in a field. */
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

  /** Whether there is such a field, of whatever kind. */
  has(key: string): bool {
    return this.get(key) !== null;
  }
}

/** What is wrong with a text that is no JSON (https://www.rfc-editor.org/rfc/rfc8259), and where. */
export class JsonError {
  constructor(
    public message: string,
    /** Characters before it. */
    public offset: i32,
  ) {}

  /** Both in one line. */
  toString(): string {
    return this.message + " at character " + decimal(this.offset);
  }
}
