import { type Counted, checkCount } from "./limits.ts";
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

/**
 * The type section: for each type where it begins in the module, or -1 for structs and arrays. Types are made when they are asked for
 * (`readFunctionType`): a module may have a million. https://webassembly.github.io/spec/core/binary/types.html
 */
export function readTypes(section: Reader): number[] {
  const starts: number[] = [];
  for (let left = section.unsigned(); left > 0; left -= 1) {
    checkCount("types", starts.length + left);
    const form = section.byte();
    if (form !== FORM.rec) {
      starts.push(skipSubType(section, form));
      continue;
    }
    for (let members = section.unsigned(); members > 0; members -= 1) {
      checkCount("types", starts.length + members);
      starts.push(skipSubType(section, section.byte()));
    }
  }
  return starts;
}

/** The parameters and results of the function type at the reader. */
export function readFunctionType(reader: Reader): FunctionType {
  return { params: readValueTypes(reader), results: readValueTypes(reader) };
}

function skipSubType(section: Reader, form: number): number {
  if (form !== FORM.sub && form !== FORM.subFinal) return skipComposite(section, form);
  for (let supers = section.unsigned(); supers > 0; supers -= 1) section.unsigned();
  return skipComposite(section, section.byte());
}

function skipComposite(section: Reader, form: number): number {
  const start = section.position();
  switch (form) {
    case FORM.func:
      skipValueTypes(section, "parameters of a function");
      skipValueTypes(section, "results of a function");
      return start;
    case FORM.struct:
      for (let fields = countOf(section, "fields of a struct"); fields > 0; fields -= 1) readField(section);
      return -1;
    case FORM.array:
      readField(section);
      return -1;
    default:
      return section.fail(`unknown type form 0x${form.toString(16)}`);
  }
}

function countOf(section: Reader, what: Counted): number {
  const count = section.unsigned();
  checkCount(what, count);
  return count;
}

function skipValueTypes(section: Reader, what: Counted): void {
  for (let left = countOf(section, what); left > 0; left -= 1) readValueType(section);
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

/** Types of a function that a message names: no host function has more. */
const MAX_PRINTED = 16;

/** `i32 i32 -> i32`, as Envoy prints it. */
export function printType(type: FunctionType): string {
  const print = (types: readonly ValueType[]): string => {
    if (types.length === 0) return "void";
    return types.length <= MAX_PRINTED
      ? types.join(" ")
      : `${types.slice(0, MAX_PRINTED).join(" ")} and ${types.length - MAX_PRINTED} more`;
  };
  return `${print(type.params)} -> ${print(type.results)}`;
}

export function sameType(left: FunctionType, right: FunctionType): boolean {
  const same = (a: readonly ValueType[], b: readonly ValueType[]): boolean => a.length === b.length && a.every((type, i) => type === b[i]);
  return same(left.params, right.params) && same(left.results, right.results);
}
