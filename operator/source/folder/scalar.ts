import { isBase64 } from "../../../base/base64.ts";
import { exactInteger } from "../../../model/exact-json.ts";

/** What a scalar can be in JSON. Floats may be infinite or no number: no JSON has those. */
export type ScalarValue = string | number | bigint | boolean | null;

/** A scalar as it stands in a text. */
export interface PlacedScalar {
  /** What it says, without quotes and escapes. */
  readonly text: string;
  /** True without quotes and not as a block. */
  readonly isPlain: boolean;
  /** Its tag, in full (`tag:yaml.org,2002:int`) or of somebody's own (`!mine`). */
  readonly tag?: string | undefined;
}

/** A scalar whose tag asks for something else than it is. */
export class WrongScalar extends Error {}

type Kind = "str" | "bool" | "int" | "float" | "null" | "timestamp";

/** What a scalar is. */
export interface Resolved {
  readonly kind: Kind;
  readonly value: ScalarValue;
}

const CORE = "tag:yaml.org,2002:";
const KINDS: readonly string[] = ["str", "bool", "int", "float", "null", "timestamp"] satisfies Kind[];

/** Every word that is none: kubectl's YAML is version 1.1 here. */
const WORDS: ReadonlyMap<string, Resolved> = new Map([
  ...inCases(["y", "yes", "true", "on"], { kind: "bool", value: true }),
  ...inCases(["n", "no", "false", "off"], { kind: "bool", value: false }),
  ...inCases(["", "~", "null"], { kind: "null", value: null }),
  ...[".inf", ".Inf", ".INF"].flatMap((word) => [
    [word, { kind: "float", value: Number.POSITIVE_INFINITY }] as const,
    [`+${word}`, { kind: "float", value: Number.POSITIVE_INFINITY }] as const,
    [`-${word}`, { kind: "float", value: Number.NEGATIVE_INFINITY }] as const,
  ]),
  ...[".nan", ".NaN", ".NAN"].map((word) => [word, { kind: "float", value: Number.NaN }] as const),
]);

const INTEGER = /^([-+]?)(?:0x([0-9a-f]+)|0b([01]+)|0o?([0-7]+)|(0|[1-9][0-9]*))$/i;
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
/** Where a float begins with its point, each underscore is between digits. */
const UNDERSCORED = /^[.][0-9](?:_?[0-9])*(?:[eE][-+]?[0-9](?:_?[0-9])*)?$/;
const TIMESTAMP = /^(\d{4})-(\d\d?)-(\d\d?)(?:([Tt ])(\d\d?):(\d\d?):(\d\d?)(?:[.,]\d+)?(Z|[-+]\d\d:\d\d)?)?$/;
/** Characters of a whole number: 64 digits of base 2, a sign and `0b`. A million of them would take long. */
const LONGEST_INTEGER = 67;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

/**
 * The value that kubectl gives a scalar: as go.yaml.in/yaml/v2 resolves it (its resolve.go), through JSON (sigs.k8s.io/yaml). Throws `WrongScalar` where that
 * fails.
 */
export function resolveScalar({ text, isPlain, tag }: PlacedScalar): Resolved {
  if (tag === undefined) return isPlain ? resolve(text) : string(text);
  if (tag === `${CORE}binary`) return string(decodeBinary(text));
  const asked = tag.startsWith(CORE) ? tag.slice(CORE.length) : "";
  // What a tag of somebody's own means is theirs; the text is what is there.
  if (asked === "str" || !KINDS.includes(asked)) return string(text);
  if (asked === "timestamp" && isTimestamp(text)) return { kind: "timestamp", value: text };
  const resolved = resolve(text);
  if (resolved.kind === asked) return resolved;
  const { kind, value } = resolved;
  const isInt64 = kind === "int" && (typeof value === "bigint" || Number(value) <= Number.MAX_SAFE_INTEGER);
  if (asked === "float" && isInt64) return { kind: "float", value: Number(value) };
  throw new WrongScalar(`what stands here is no !!${asked}; write one, or take the tag away`);
}

/**
 * The name that a scalar gives as a key, e.g. `true` for `yes`. Floats are written as kubectl writes them, with the digits of 32 bits. Throws `WrongScalar`
 * where it can be none.
 */
export function keyName({ kind, value }: Resolved): string {
  if (kind === "null") throw new WrongScalar("a name is missing, or null; write it, in quotes if it is meant");
  if (kind === "float") return floatName(Number(value));
  if (typeof value === "number" && !Number.isSafeInteger(value))
    throw new WrongScalar("a number is too large for a name; put it in quotes");
  return String(value);
}

function string(text: string): Resolved {
  return { kind: "str", value: text };
}

function inCases(words: readonly string[], resolved: Resolved): (readonly [string, Resolved])[] {
  return words.flatMap((word) =>
    [word, `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`, word.toUpperCase()].map((each) => [each, resolved] as const),
  );
}

function resolve(text: string): Resolved {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  const first = text.charCodeAt(0);
  const isNumeric = (first >= ZERO && first <= NINE) || first === PLUS || first === MINUS || first === POINT;
  if (!isNumeric) return string(text);
  const plain = first !== POINT || UNDERSCORED.test(text) ? text.replaceAll("_", "") : text;
  const whole = first === POINT ? undefined : integer(plain);
  if (whole !== undefined) return { kind: "int", value: exactInteger(whole) };
  // A float beyond 64 bits is a text.
  if (FLOAT.test(plain) && Number.isFinite(Number(plain))) return { kind: "float", value: Number(plain) };
  return string(text);
}

const [PLUS, MINUS, POINT, ZERO, NINE] = [0x2b, 0x2d, 0x2e, 0x30, 0x39];

/** https://pkg.go.dev/strconv#ParseInt with base 0, or without a sign ParseUint. `undefined`: none, or too large. */
function integer(text: string): bigint | undefined {
  if (text.length > LONGEST_INTEGER) return undefined;
  const [, sign, hex, binary, octal, decimal] = INTEGER.exec(text) ?? [];
  const digits = hex !== undefined ? `0x${hex}` : binary !== undefined ? `0b${binary}` : octal !== undefined ? `0o${octal}` : decimal;
  if (digits === undefined) return undefined;
  const value = sign === "-" ? -BigInt(digits) : BigInt(digits);
  return value < INT64_MIN || value > (sign === "" ? UINT64_MAX : INT64_MAX) ? undefined : value;
}

function decodeBinary(text: string): string {
  const packed = text.replace(/[\r\n]/g, "");
  if (!isBase64(packed)) throw new WrongScalar("!!binary is not base64");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(packed, "base64"));
  } catch {
    // kubectl alters such bytes without a word.
    throw new WrongScalar(
      "!!binary holds bytes that are no UTF-8 text, and JSON has no bytes; put them into the data of a Secret or the binaryData of a ConfigMap",
    );
  }
}

function isTimestamp(text: string): boolean {
  const [all, year, month, day, mark, hour, minute, second, zone] = TIMESTAMP.exec(text) ?? [];
  if (all === undefined || (mark !== undefined && (mark === " ") !== (zone === undefined))) return false;
  const inMonth = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  const isDay = Number(month) >= 1 && Number(month) <= 12 && Number(day) >= 1 && Number(day) <= inMonth;
  return isDay && Number(hour ?? 0) < 24 && Number(minute ?? 0) < 60 && Number(second ?? 0) < 60;
}

/** https://pkg.go.dev/strconv#FormatFloat with 'g', the fewest digits, and 32 bits. */
function floatName(value: number): string {
  const float = Math.fround(value);
  if (Number.isNaN(float)) return ".nan";
  if (Object.is(float, -0)) return "-0";
  if (!Number.isFinite(float)) return float > 0 ? ".inf" : "-.inf";
  let digits = 1;
  while (Math.fround(Number(float.toPrecision(digits))) !== float) digits++;
  const [mantissa = "", power = "0"] = float.toExponential(digits - 1).split("e");
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 6) return Number(float.toPrecision(digits)).toString();
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}
