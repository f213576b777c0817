import { LogLevel } from "../abi/types";
import { log } from "../log";
import { parseJson } from "./index";
import { decimal } from "./integer";
import { JsonKind, JsonValue } from "./value";

const MAX_TOLD = 5;

/**
 * A plugin's configuration (https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_on_configure): a JSON object whose fields the filter asks for by name and type. What is missing, of another type, or never asked for is kept as a fault
 * with its place, and reads as empty, 0 or false. `check()` logs the faults; what it gives is for `onConfigure` to give.
 *
 *     const config = Configuration.parse(text);
 *     this.token = config.string("token");
 *     this.limit = config.integerOr("limit", 10, 1, 1000);
 *     return config.check();
 */
export class Configuration {
  private asked: string[] = [];
  private parts: Configuration[] = [];

  constructor(
    private value: JsonValue,
    /** Of this object in the whole: `routes[1]`; empty for the whole. */
    readonly path: string,
    private faults: string[],
  ) {}

  /** An empty text is an empty object: a filter without a configuration. */
  static parse(text: string): Configuration {
    const result = parseJson(text);
    const error = result.error;
    const value = result.value;
    const config = new Configuration(value === null ? new JsonValue(0) : value, "", []);
    if (error !== null) config.faults.push("not JSON: " + error.toString());
    else if (value !== null && value.kind != JsonKind.Object) config.faults.push("must be an object, and is " + nameOf(value.kind));
    return config;
  }

  /** Whether the field is there, of whatever type. */
  has(key: string): bool {
    return this.find(key) !== null;
  }

  /** A text that must be there. */
  string(key: string): string {
    const field = this.need(key);
    return field !== null && this.expect(key, field, JsonKind.String) ? field.text : "";
  }

  /** A text, or the fallback where there is none. */
  stringOr(key: string, fallback: string): string {
    return this.has(key) ? this.string(key) : fallback;
  }

  /** A whole number that must be there, within these bounds. */
  integer(key: string, min: i64 = i64.MIN_VALUE, max: i64 = i64.MAX_VALUE): i64 {
    const field = this.need(key);
    if (field === null) return 0;
    if (!field.isInteger()) return this.refuse<i64>(key, field, "must be a whole number");
    const value = field.toInteger();
    if (value < min || value > max) return this.refuse<i64>(key, field, "must be from " + decimal(min) + " to " + decimal(max));
    return value;
  }

  /** A whole number, or the fallback where there is none. */
  integerOr(key: string, fallback: i64, min: i64 = i64.MIN_VALUE, max: i64 = i64.MAX_VALUE): i64 {
    return this.has(key) ? this.integer(key, min, max) : fallback;
  }

  /** A number that must be there. */
  number(key: string): f64 {
    const field = this.need(key);
    return field !== null && this.expect(key, field, JsonKind.Number) ? parseFloat(field.text) : 0;
  }

  /** A number, or the fallback where there is none. */
  numberOr(key: string, fallback: f64): f64 {
    return this.has(key) ? this.number(key) : fallback;
  }

  /** True or false, which must be there. */
  boolean(key: string): bool {
    const field = this.need(key);
    return field !== null && this.expect(key, field, JsonKind.Boolean) && field.flag;
  }

  /** True or false, or the fallback where there is neither. */
  booleanOr(key: string, fallback: bool): bool {
    return this.has(key) ? this.boolean(key) : fallback;
  }

  /** A list of texts; empty where there is none. */
  strings(key: string): string[] {
    const items = this.items(key);
    const texts: string[] = [];
    for (let i = 0; i < items.length; i++)
      if (this.expect(key + "[" + decimal(i) + "]", items[i], JsonKind.String)) texts.push(items[i].text);
    return texts;
  }

  /** An object inside of this one; empty where there is none. */
  object(key: string): Configuration {
    const field = this.find(key);
    if (field !== null) return this.part(key, field);
    const absent = new JsonValue(this.value.offset);
    absent.kind = JsonKind.Object;
    return this.part(key, absent);
  }

  /** A list of objects; empty where there is none. */
  objects(key: string): Configuration[] {
    const items = this.items(key);
    const parts: Configuration[] = [];
    for (let i = 0; i < items.length; i++) parts.push(this.part(key + "[" + decimal(i) + "]", items[i]));
    return parts;
  }

  /** A fault that the filter itself finds in a field, such as "must be a path". */
  fault(key: string, message: string): void {
    const field = this.find(key);
    this.refuse<bool>(key, field === null ? this.value : field, message);
  }

  /**
   * Logs the faults in one line, which Weir tells in the filter's status, and gives whether there are none. Ask it of the whole, when all fields have been
   * read: others are not known.
   */
  check(): bool {
    this.findUnknown();
    const count = this.faults.length;
    if (count == 0) return true;
    const more = count > MAX_TOLD ? "; and " + decimal(count - MAX_TOLD) + " more" : "";
    log(LogLevel.Error, "configuration: " + this.faults.slice(0, MAX_TOLD).join("; ") + more);
    return false;
  }

  /** One fault for an object, of the first field that nobody asked for. */
  private findUnknown(): void {
    const keys = this.value.keys;
    let first = -1;
    let count = 0;
    for (let i = 0; i < keys.length; i++) {
      if (this.asked.includes(keys[i])) continue;
      if (count++ == 0) first = i;
    }
    const are = count > 1 ? "and " + decimal(count - 1) + " more are" : "is";
    if (count > 0) this.refuse<bool>(keys[first], this.value.items[first], are + " not known, known are: " + this.asked.join(", "));
    for (let i = 0; i < this.parts.length; i++) this.parts[i].findUnknown();
  }

  private find(key: string): JsonValue | null {
    if (!this.asked.includes(key)) this.asked.push(key);
    return this.value.get(key);
  }

  private need(key: string): JsonValue | null {
    const field = this.find(key);
    // What is no object has no fields, and is a fault already.
    if (field === null && this.value.kind == JsonKind.Object) this.refuse<bool>(key, this.value, "is missing");
    return field;
  }

  private items(key: string): JsonValue[] {
    const field = this.find(key);
    return field !== null && this.expect(key, field, JsonKind.Array) ? field.items : [];
  }

  private part(key: string, value: JsonValue): Configuration {
    const part = new Configuration(value, this.pathOf(key), this.faults);
    this.expect(key, value, JsonKind.Object);
    this.parts.push(part);
    return part;
  }

  private expect(key: string, field: JsonValue, kind: JsonKind): bool {
    return field.kind == kind || this.refuse<bool>(key, field, "must be " + nameOf(kind) + ", and is " + nameOf(field.kind));
  }

  /** Gives 0 or false, in the place of what cannot be read. */
  private refuse<T>(key: string, field: JsonValue, message: string): T {
    this.faults.push(this.pathOf(key) + " " + message + " (at character " + decimal(field.offset) + ")");
    return <T>0;
  }

  private pathOf(key: string): string {
    return this.path.length == 0 ? key : this.path + "." + key;
  }
}

function nameOf(kind: JsonKind): string {
  switch (kind) {
    case JsonKind.Boolean:
      return "true or false";
    case JsonKind.Number:
      return "a number";
    case JsonKind.String:
      return "a string";
    case JsonKind.Array:
      return "a list";
    case JsonKind.Object:
      return "an object";
  }
  return "null";
}
