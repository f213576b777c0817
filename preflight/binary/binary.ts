import { clip } from "../../base/text.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { checkBodies, countEntries, skipConstant } from "./code.ts";
import { type Counted, LimitError, Tally } from "./limits.ts";
import type { CustomSection, Export, ExternKind, Import, MemorySection, SizeLimits, WasmBinary } from "./module.ts";
import { createReader, MalformedError, type Reader } from "./reader.ts";
import { walkSections } from "./sections.ts";
import { type FunctionType, readFunctionType, readTypes, readValueType } from "./types.ts";

export type { Export, ExternKind, Import, SizeLimits, WasmBinary } from "./module.ts";

const MAGIC = [0x00, 0x61, 0x73, 0x6d];
const KINDS: readonly ExternKind[] = ["function", "table", "memory", "global", "tag"];
const SECTION = { custom: 0, type: 1, import: 2, function: 3, table: 4, memory: 5, export: 7, start: 8, code: 10 } as const;
/** Sections of which only the count is looked at. */
const COUNTED: ReadonlyMap<number, Counted> = new Map([
  [6, "globals"],
  [9, "element segments"],
  [11, "data segments"],
  [12, "data segments"],
  [13, "tags"],
]);
/** The prefix of a table with an initial value. */
const TABLE_WITH_INITIAL = 0x40;

/**
 * Reads the head of a core module: types, imports, exports, memories, tables and custom sections; skips the instructions of functions.
 * Pure, and linear in the size of the module; what it keeps is bounded (limits.ts). Fails with `NotWasm`, `WasmComponent`, `MalformedModule` or `ModuleTooLarge`.
 * https://webassembly.github.io/spec/core/binary/modules.html
 */
export function readWasm(bytes: Uint8Array): Result<WasmBinary> {
  const preamble = checkPreamble(bytes);
  if (preamble !== undefined) return preamble;
  try {
    return ok(readSections(bytes));
  } catch (error) {
    if (error instanceof LimitError) return fail("ModuleTooLarge", error.message);
    if (!(error instanceof MalformedError)) throw error;
    return fail(
      "MalformedModule",
      `the module is malformed at byte ${error.offset} of ${bytes.length}: ${error.message}; it may be cut short: build or push it again`,
    );
  }
}

/** The magic and the version; a component differs from a core module in the layer field. https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md */
function checkPreamble(bytes: Uint8Array): Result<never> | undefined {
  if (bytes.length < 8 || MAGIC.some((value, index) => bytes[index] !== value)) {
    const found = [...bytes.subarray(0, 4)].map((value) => value.toString(16).padStart(2, "0")).join(" ");
    const what = bytes.length === 0 ? "the module is empty" : `the file is not WebAssembly: it starts with ${found}, not 00 61 73 6d`;
    return fail("NotWasm", `${what} (${bytes.length} bytes); check what the image layer holds`);
  }
  const version = (bytes[4] ?? 0) | ((bytes[5] ?? 0) << 8);
  const layer = (bytes[6] ?? 0) | ((bytes[7] ?? 0) << 8);
  if (layer === 1) {
    return fail(
      "WasmComponent",
      "this is a WebAssembly component, and Envoy runs core modules only; build for a core target, e.g. wasm32-wasip1 as a reactor, without wrapping it as a component",
    );
  }
  if (version !== 1 || layer !== 0) {
    return fail("NotWasm", `unknown WebAssembly binary version ${version}, layer ${layer}; Envoy knows version 1, layer 0`);
  }
  return undefined;
}

interface Parsed {
  readonly bytes: Uint8Array;
  readonly tally: Tally;
  /** Ids of the sections so far. */
  readonly seen: Set<number>;
  /** Where each type begins; -1: no function type. */
  types: readonly number[];
  /** Function types that were asked for, by their index. */
  readonly made: Map<number, FunctionType>;
  readonly imports: Import[];
  /** Types of all functions by their index, imported ones first. */
  readonly functions: number[];
  readonly exports: Export[];
  readonly memories: SizeLimits[];
  readonly custom: CustomSection[];
  tableElements: number;
  hasStart: boolean;
  memorySection: MemorySection | undefined;
}

function readSections(bytes: Uint8Array): WasmBinary {
  const parsed: Parsed = {
    bytes,
    tally: new Tally(),
    seen: new Set(),
    types: [],
    made: new Map(),
    imports: [],
    functions: [],
    exports: [],
    memories: [],
    custom: [],
    tableElements: 0,
    hasStart: false,
    memorySection: undefined,
  };
  for (const { id, start, end, content } of walkSections(bytes)) {
    if (id !== SECTION.custom && parsed.seen.has(id)) content.fail(`section ${id} comes twice`);
    parsed.seen.add(id);
    readSection(id, content, { start, end }, parsed);
  }
  const { imports, exports, memories, custom, tableElements, hasStart, memorySection } = parsed;
  return { size: bytes.length, imports, exports, memories, custom, tableElements, hasStart, memorySection };
}

function readSection(id: number, section: Reader, place: MemorySection, parsed: Parsed): void {
  const { tally } = parsed;
  switch (id) {
    case SECTION.custom: {
      tally.add("custom sections", 1);
      const name = readName(section, parsed);
      parsed.custom.push({ name, start: section.position(), end: place.end });
      return;
    }
    case SECTION.type:
      parsed.types = readTypes(section);
      return;
    case SECTION.import:
      each(section, "imports", tally, () => readImport(section, parsed));
      return;
    case SECTION.function:
      each(section, "functions", tally, () => parsed.functions.push(typeIndex(section, parsed)));
      return;
    case SECTION.table:
      each(section, "tables", tally, () => readTable(section, parsed));
      return;
    case SECTION.memory:
      parsed.memorySection = place;
      each(section, "memories", tally, () => parsed.memories.push(readLimits(section)));
      return;
    case SECTION.export:
      each(section, "exports", tally, () => parsed.exports.push(readExport(section, parsed)));
      return;
    case SECTION.start:
      parsed.hasStart = true;
      return;
    case SECTION.code:
      checkBodies(section);
      return;
  }
  const counted = COUNTED.get(id);
  if (counted === undefined) section.fail(`unknown section ${id}`);
  // The data section and the section with its count say the same number.
  countEntries(section, counted, id === 12 ? new Tally() : tally);
}

/** Runs `read` for each element of a vector. A wrong count runs into the end of the section and fails there. */
function each(section: Reader, what: Counted, tally: Tally, read: () => void): void {
  for (let left = countEntries(section, what, tally); left > 0; left -= 1) read();
}

function readName(section: Reader, { tally }: Parsed): string {
  const start = section.position();
  const name = section.name();
  tally.add("bytes of names", section.position() - start);
  return name;
}

function typeIndex(section: Reader, parsed: Parsed): number {
  const index = section.unsigned();
  if (index >= parsed.types.length) section.fail(`type ${index} does not exist`);
  return index;
}

/** `undefined`: it is no function type. */
function functionType(index: number, { bytes, types, made, tally }: Parsed): FunctionType | undefined {
  const start = types[index] ?? -1;
  if (start < 0) return undefined;
  const known = made.get(index);
  if (known !== undefined) return known;
  const type = readFunctionType(createReader(bytes, start));
  tally.add("parameters and results", type.params.length + type.results.length);
  made.set(index, type);
  return type;
}

function readImport(section: Reader, parsed: Parsed): void {
  const module = readName(section, parsed);
  const name = readName(section, parsed);
  const kind = readKind(section);
  switch (kind) {
    case "function": {
      const index = typeIndex(section, parsed);
      parsed.tally.add("functions", 1);
      parsed.functions.push(index);
      const type = functionType(index, parsed);
      parsed.imports.push({ module, name, kind, ...(type && { type }) });
      return;
    }
    case "memory": {
      const limits = readLimits(section);
      parsed.tally.add("memories", 1);
      parsed.memories.push(limits);
      parsed.imports.push({ module, name, kind, limits });
      return;
    }
    case "table": {
      parsed.tally.add("tables", 1);
      parsed.imports.push({ module, name, kind, limits: readTableType(section, parsed) });
      return;
    }
    case "global": {
      readValueType(section);
      section.byte();
      parsed.imports.push({ module, name, kind });
      return;
    }
    case "tag": {
      section.byte();
      section.unsigned();
      parsed.imports.push({ module, name, kind });
    }
  }
}

/** https://webassembly.github.io/spec/core/binary/modules.html#table-section */
function readTable(section: Reader, parsed: Parsed): void {
  if (section.peek() !== TABLE_WITH_INITIAL) {
    readTableType(section, parsed);
    return;
  }
  section.skip(2);
  readTableType(section, parsed);
  skipConstant(section);
}

function readTableType(section: Reader, parsed: Parsed): SizeLimits {
  readValueType(section);
  const limits = readLimits(section);
  parsed.tableElements += limits.min;
  return limits;
}

function readExport(section: Reader, parsed: Parsed): Export {
  const name = readName(section, parsed);
  const kind = readKind(section);
  const index = section.unsigned();
  if (kind !== "function") return { name, kind };
  const found = parsed.functions[index];
  if (found === undefined) return section.fail(`export ${clip(name, 200)} names function ${index}, which does not exist`);
  const type = functionType(found, parsed);
  return { name, kind, ...(type && { type }) };
}

function readKind(section: Reader): ExternKind {
  const byte = section.byte();
  return KINDS[byte] ?? section.fail(`unknown kind ${byte}`);
}

/** https://webassembly.github.io/spec/core/binary/types.html#limits; bit 3 is the custom page size proposal, which V8 refuses by default. */
function readLimits(section: Reader): SizeLimits {
  const flags = section.byte();
  if (flags > 7) section.fail(`unknown limits flags ${flags}`);
  const wide = (flags & 4) !== 0;
  const min = section.unsigned(wide ? 64 : 32);
  const max = (flags & 1) !== 0 ? section.unsigned(wide ? 64 : 32) : undefined;
  return { min, max, shared: (flags & 2) !== 0, wide };
}
