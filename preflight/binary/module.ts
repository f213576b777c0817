import type { FunctionType } from "./types.ts";

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
  /** Elements that all tables start with, imported ones included. */
  readonly tableElements: number;
  /** Runs a function when it is instantiated (start section). */
  readonly hasStart: boolean;
  readonly custom: readonly CustomSection[];
  readonly memorySection: MemorySection | undefined;
}
