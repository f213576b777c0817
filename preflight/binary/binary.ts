import { fail, ok, type Result } from "../../model/result.ts";
import { createReader, MalformedError, type Reader } from "./reader.ts";
import { type FunctionType, readTypes, readValueType } from "./types.ts";

/** Memory or table limits, in pages (64 KiB) or elements. */
export interface SizeLimits {
  readonly min: number;
  readonly max: number | undefined;
  readonly shared: boolean;
  /** 64-bit addresses (memory64). */
  readonly wide: boolean;
}

export type ExternKind = "function" | "table" | "memory" | "global" | "tag";

export interface Import {
  readonly module: string;
  readonly name: string;
  readonly kind: ExternKind;
  /** Of functions. */
  readonly type?: FunctionType;
  /** Of memories and tables. */
  readonly limits?: SizeLimits;
}

export interface Export {
  readonly name: string;
  readonly kind: ExternKind;
  /** Of functions. */
  readonly type?: FunctionType;
}

export interface CustomSection {
  readonly name: string;
  /** Where the content (after the name) is, in bytes from the start of the module. */
  readonly start: number;
  readonly end: number;
}

/** Where the module's memory section is, to rewrite its limits. */
export interface MemorySection {
  /** Offset of the section's id byte and of the byte after the section. */
  readonly start: number;
  readonly end: number;
}

/** The contents of a core WebAssembly module, in the order of the binary. */
export interface WasmBinary {
  readonly size: number;
  readonly imports: readonly Import[];
  readonly exports: readonly Export[];
  /** Imported memories first, then the module's own. */
  readonly memories: readonly SizeLimits[];
  /** Runs a function when it is instantiated (start section). */
  readonly hasStart: boolean;
  readonly custom: readonly CustomSection[];
  readonly memorySection: MemorySection | undefined;
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d];
const KINDS: readonly ExternKind[] = ["function", "table", "memory", "global", "tag"];
const SECTION = { custom: 0, type: 1, import: 2, function: 3, memory: 5, export: 7, start: 8 } as const;

/**
 * Reads the head of a core module: types, imports, exports, memories and custom sections; skips function bodies.
 * Pure, and linear in the size of the module. Fails with `NotWasm`, `WasmComponent` or `MalformedModule`.
 * https://webassembly.github.io/spec/core/binary/modules.html
 */
export function readWasm(bytes: Uint8Array): Result<WasmBinary> {
  const preamble = checkPreamble(bytes);
  if (preamble !== undefined) return preamble;
  try {
    return ok(readSections(bytes));
  } catch (error) {
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
  types: readonly (FunctionType | undefined)[];
  readonly imports: Import[];
  /** Types of all functions, imported ones first. */
  readonly functions: (FunctionType | undefined)[];
  readonly exports: Export[];
  readonly memories: SizeLimits[];
  readonly custom: CustomSection[];
  hasStart: boolean;
  memorySection: MemorySection | undefined;
}

function readSections(bytes: Uint8Array): WasmBinary {
  const reader = createReader(bytes, 8);
  const parsed: Parsed = {
    types: [],
    imports: [],
    functions: [],
    exports: [],
    memories: [],
    custom: [],
    hasStart: false,
    memorySection: undefined,
  };
  while (!reader.done()) {
    const start = reader.position();
    const id = reader.byte();
    const section = reader.slice(reader.unsigned());
    readSection(id, section, { start, end: reader.position() }, parsed);
  }
  const { types: _types, functions: _functions, ...module } = parsed;
  return { size: bytes.length, ...module };
}

function readSection(id: number, section: Reader, place: MemorySection, parsed: Parsed): void {
  switch (id) {
    case SECTION.custom: {
      const name = section.name();
      parsed.custom.push({ name, start: section.position(), end: place.end });
      return;
    }
    case SECTION.type:
      parsed.types = readTypes(section);
      return;
    case SECTION.import:
      each(section, () => readImport(section, parsed));
      return;
    case SECTION.function:
      each(section, () => parsed.functions.push(typeAt(section, parsed)));
      return;
    case SECTION.memory:
      parsed.memorySection = place;
      each(section, () => parsed.memories.push(readLimits(section)));
      return;
    case SECTION.export:
      each(section, () => parsed.exports.push(readExport(section, parsed)));
      return;
    case SECTION.start:
      parsed.hasStart = true;
      return;
    default:
      if (id > 13) section.fail(`unknown section ${id}`);
  }
}

/** Runs `read` for each element of a vector. A wrong count runs into the end of the section and fails there. */
function each(section: Reader, read: () => void): void {
  for (let left = section.unsigned(); left > 0; left -= 1) read();
}

function typeAt(section: Reader, parsed: Parsed): FunctionType | undefined {
  const index = section.unsigned();
  if (index >= parsed.types.length) section.fail(`type ${index} does not exist`);
  return parsed.types[index];
}

function readImport(section: Reader, parsed: Parsed): void {
  const module = section.name();
  const name = section.name();
  const kind = readKind(section);
  switch (kind) {
    case "function": {
      const type = typeAt(section, parsed);
      parsed.functions.push(type);
      parsed.imports.push({ module, name, kind, ...(type && { type }) });
      return;
    }
    case "memory": {
      const limits = readLimits(section);
      parsed.memories.push(limits);
      parsed.imports.push({ module, name, kind, limits });
      return;
    }
    case "table": {
      readValueType(section);
      parsed.imports.push({ module, name, kind, limits: readLimits(section) });
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

function readExport(section: Reader, parsed: Parsed): Export {
  const name = section.name();
  const kind = readKind(section);
  const index = section.unsigned();
  const type = kind === "function" ? parsed.functions[index] : undefined;
  if (kind === "function" && index >= parsed.functions.length) section.fail(`export ${name} names function ${index}, which does not exist`);
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
