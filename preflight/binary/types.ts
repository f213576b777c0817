import type { Reader } from "./reader.ts";

/** A value type as the text format spells it: `i32`, `i64`, `f32`, `f64`, `v128`, `funcref`, `externref`, or `ref` for every other reference. */
export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128" | "funcref" | "externref" | "ref";

export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

const VALUE_TYPES: ReadonlyMap<number, ValueType> = new Map([
  [0x7f, "i32"],
  [0x7e, "i64"],
  [0x7d, "f32"],
  [0x7c, "f64"],
  [0x7b, "v128"],
  [0x70, "funcref"],
  [0x6f, "externref"],
]);

const FORM = { func: 0x60, struct: 0x5f, array: 0x5e, rec: 0x4e, sub: 0x50, subFinal: 0x4f } as const;
const PACKED = [0x78, 0x77];

/** The type section: function types in order; struct and array types are `undefined` in it. https://webassembly.github.io/spec/core/binary/types.html */
export function readTypes(section: Reader): (FunctionType | undefined)[] {
  const types: (FunctionType | undefined)[] = [];
  for (let left = section.unsigned(); left > 0; left -= 1) {
    const form = section.byte();
    if (form !== FORM.rec) {
      types.push(readSubType(section, form));
      continue;
    }
    for (let members = section.unsigned(); members > 0; members -= 1) types.push(readSubType(section, section.byte()));
  }
  return types;
}

function readSubType(section: Reader, form: number): FunctionType | undefined {
  if (form !== FORM.sub && form !== FORM.subFinal) return readComposite(section, form);
  for (let supers = section.unsigned(); supers > 0; supers -= 1) section.unsigned();
  return readComposite(section, section.byte());
}

function readComposite(section: Reader, form: number): FunctionType | undefined {
  switch (form) {
    case FORM.func:
      return { params: readValueTypes(section), results: readValueTypes(section) };
    case FORM.struct:
      for (let fields = section.unsigned(); fields > 0; fields -= 1) readField(section);
      return undefined;
    case FORM.array:
      readField(section);
      return undefined;
    default:
      return section.fail(`unknown type form 0x${form.toString(16)}`);
  }
}

function readField(section: Reader): void {
  readValueType(section, PACKED);
  section.byte();
}

function readValueTypes(section: Reader): ValueType[] {
  const types: ValueType[] = [];
  for (let left = section.unsigned(); left > 0; left -= 1) types.push(readValueType(section));
  return types;
}

/** One value type; `also` lists further bytes that are valid here (packed storage types). */
export function readValueType(section: Reader, also: readonly number[] = []): ValueType {
  const byte = section.byte();
  const plain = VALUE_TYPES.get(byte);
  if (plain !== undefined) return plain;
  if (byte === 0x63 || byte === 0x64) {
    section.signed(33);
    return "ref";
  }
  if ((byte >= 0x68 && byte <= 0x74) || also.includes(byte)) return "ref";
  return section.fail(`unknown value type 0x${byte.toString(16)}`);
}

/** `i32 i32 -> i32`, as Envoy prints it. */
export function printType(type: FunctionType): string {
  const print = (types: readonly ValueType[]): string => (types.length === 0 ? "void" : types.join(" "));
  return `${print(type.params)} -> ${print(type.results)}`;
}

export function sameType(left: FunctionType, right: FunctionType): boolean {
  const same = (a: readonly ValueType[], b: readonly ValueType[]): boolean => a.length === b.length && a.every((type, i) => type === b[i]);
  return same(left.params, right.params) && same(left.results, right.results);
}
