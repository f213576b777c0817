import { ok, type Result } from "../../model/result.ts";
import { type ExternKind, readWasm, type WasmBinary } from "./binary.ts";
import { functionNameMaps } from "./function-names.ts";
import { createReader, type Reader } from "./reader.ts";
import { unread, walkSections } from "./sections.ts";
import { readValueType } from "./types.ts";
import { leb, named, section } from "./writer.ts";

/** A module that counts how often each of its functions is entered. */
export interface CountingModule {
  readonly bytes: Uint8Array;
  /** Its own functions, in order. */
  readonly functions: readonly CountedFunction[];
}

export interface CountedFunction {
  /** Among all functions, imported ones included. */
  readonly index: number;
  /** `undefined`: the module has no names. */
  readonly name: string | undefined;
  /** The exported global that holds the count, modulo 2^32. */
  readonly counter: string;
}

const ID = { custom: 0, function: 3, global: 6, export: 7, code: 10 } as const;
/** Sections in their order; tags (13) stand before globals, the count of data segments (12) before code. https://webassembly.github.io/spec/core/binary/modules.html#binary-module */
const ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];
/** A mutable i32 that starts at 0. */
const COUNTER = [0x7f, 0x01, 0x41, 0x00, 0x0b];
const GLOBAL = 0x03;

interface Section {
  readonly id: number;
  /** Of its content. */
  readonly start: number;
  readonly end: number;
}

/**
 * Adds a global to a module for each of its functions, exports it, and counts it up where the function is entered. Indices of functions stay as they are, so names and stacks do too.
 * Linear in the size. Fails as `readWasm` does.
 */
export function countEntries(module: Uint8Array): Result<CountingModule> {
  const read = readWasm(module);
  if (!read.ok) return read;
  try {
    return ok(rewrite(module, read.value));
  } catch (error) {
    return unread(error);
  }
}

function rewrite(module: Uint8Array, { imports, custom }: WasmBinary): CountingModule {
  const imported = (kind: ExternKind) => imports.filter((entry) => entry.kind === kind).length;
  const [importedFunctions, importedGlobals] = [imported("function"), imported("global")];
  const sections: readonly Section[] = [...walkSections(module)].map(({ id, end, content }) => ({ id, start: content.position(), end }));
  const countIn = (id: number) => {
    const found = sections.find((each) => each.id === id);
    return found === undefined ? 0 : createReader(module, found.start, found.end).unsigned();
  };
  const functions = countIn(ID.function);
  const firstGlobal = importedGlobals + countIn(ID.global);
  const counters = Array.from({ length: functions }, (_, at) => `weir:${at}`);
  const globals = counters.map(() => Uint8Array.from(COUNTER));
  const exports = counters.map((name, at) => Uint8Array.from([...named(name), GLOBAL, ...leb(firstGlobal + at)]));
  const changed = new Map([
    [ID.global as number, appended(module, sections, ID.global, globals)],
    [ID.export as number, appended(module, sections, ID.export, exports)],
    [ID.code as number, countingBodies(module, sections, firstGlobal)],
  ]);
  const names = namesIn(module, custom);
  return {
    bytes: Buffer.concat([module.subarray(0, 8), ...assembled(module, sections, changed)]),
    functions: counters.map((counter, at) => ({ index: importedFunctions + at, name: names.get(importedFunctions + at), counter })),
  };
}

/** Sections with their heads, in order; those that were not there stand where they belong. */
function assembled(module: Uint8Array, sections: readonly Section[], changed: ReadonlyMap<number, Uint8Array>): Uint8Array[] {
  const waiting = new Map(changed);
  const parts: Uint8Array[] = [];
  const flush = (before: number) => {
    for (const [id, content] of waiting) {
      if (ORDER.indexOf(id) >= before) continue;
      if (content.length > 0 && !sections.some((each) => each.id === id)) parts.push(section(id, content));
      waiting.delete(id);
    }
  };
  for (const { id, start, end } of sections) {
    if (id !== ID.custom) flush(ORDER.indexOf(id));
    parts.push(section(id, changed.get(id) ?? module.subarray(start, end)));
    waiting.delete(id);
  }
  flush(ORDER.length);
  return parts;
}

/** The content of a vector's section with more entries; empty where there are none at all. */
function appended(module: Uint8Array, sections: readonly Section[], id: number, entries: readonly Uint8Array[]): Uint8Array {
  const found = sections.find((each) => each.id === id);
  if (found === undefined)
    return entries.length === 0 ? new Uint8Array() : Buffer.concat([Uint8Array.from(leb(entries.length)), ...entries]);
  const reader = createReader(module, found.start, found.end);
  const count = reader.unsigned();
  return Buffer.concat([Uint8Array.from(leb(count + entries.length)), module.subarray(reader.position(), found.end), ...entries]);
}

/** Each body counts after its locals. */
function countingBodies(module: Uint8Array, sections: readonly Section[], firstGlobal: number): Uint8Array {
  const found = sections.find((each) => each.id === ID.code);
  if (found === undefined) return new Uint8Array();
  const reader = createReader(module, found.start, found.end);
  const count = reader.unsigned();
  const parts: Uint8Array[] = [Uint8Array.from(leb(count))];
  for (let at = 0; at < count; at += 1) {
    const size = reader.unsigned();
    const start = reader.position();
    skipLocals(reader);
    const code = reader.position();
    reader.skip(size - (code - start));
    const global = leb(firstGlobal + at);
    // global.get, i32.const 1, i32.add, global.set
    const counting = Uint8Array.from([0x23, ...global, 0x41, 0x01, 0x6a, 0x24, ...global]);
    parts.push(Uint8Array.from(leb(size + counting.length)), module.subarray(start, code), counting, module.subarray(code, start + size));
  }
  return Buffer.concat(parts);
}

function skipLocals(reader: Reader): void {
  for (let groups = reader.unsigned(); groups > 0; groups -= 1) {
    reader.unsigned();
    readValueType(reader);
  }
}

/** Names of functions by their index. */
function namesIn(module: Uint8Array, custom: WasmBinary["custom"]): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const place of custom.filter(({ name }) => name === "name"))
    for (const part of functionNameMaps(module, place))
      for (let left = part.unsigned(); left > 0; left -= 1) names.set(part.unsigned(), part.name());
  return names;
}
