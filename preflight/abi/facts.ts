import { type Failure, ok, type Result } from "../../model/result.ts";
import { readWasm, type WasmBinary } from "../binary/binary.ts";
import { ABI_MARKERS, type AbiVersion, callback, hostFunction, isCapability } from "./abi.ts";
import { checkHazards, checkLoadable } from "./loadable.ts";

/** What a module contains, and whether Envoy could load it, as far as that shows without running it. */
export interface ModuleFacts {
  /** Bytes. */
  readonly size: number;
  /** The proxy-wasm ABI it was built for; `undefined` when it is no proxy-wasm module. */
  readonly abi: AbiVersion | undefined;
  /** Imported functions by name, sorted, without their module prefix. */
  readonly imports: readonly string[];
  /** Exports that Envoy may call (`proxy_on_...`, `_initialize`, `malloc`, ...), sorted. */
  readonly exports: readonly string[];
  /** Names for Envoy's `allowed_capabilities` with which the module is not restricted at all: what it imports and exports, sorted. */
  readonly capabilities: readonly string[];
  /** In pages of 64 KiB; `undefined` when the module has no memory. */
  readonly memory: { readonly initialPages: number; readonly maximumPages: number | undefined } | undefined;
  /** Runs code when instantiated (a start section). */
  readonly hasStart: boolean;
  /** Custom sections by name and size in bytes, in the order of the binary. */
  readonly customSections: readonly { readonly name: string; readonly size: number }[];
  /** Why Envoy cannot load or run it, as far as reading it shows; `undefined`: no reason was found. */
  readonly problem: Failure | undefined;
}

/**
 * Reads a module without running it. Fails with `NotWasm`, `WasmComponent` or `MalformedModule` when there is nothing to read;
 * a readable module that Envoy cannot load comes back with `problem` set. Pure, linear in the size.
 */
export function inspectModule(bytes: Uint8Array): Result<ModuleFacts> {
  const read = readWasm(bytes);
  return read.ok ? ok(factsOf(bytes, read.value)) : read;
}

/** The facts of a module already read. */
export function factsOf(bytes: Uint8Array, binary: WasmBinary): ModuleFacts {
  const abi = abiOf(binary);
  const loadable = checkLoadable(bytes, binary, abi);
  const imports = binary.imports.filter((entry) => entry.kind === "function");
  const exports = binary.exports.filter((entry) => entry.kind === "function" && callback(abi ?? "0.2.1", entry.name) !== undefined);
  const memory = binary.memories[0];
  const offered = imports.filter((entry) => hostFunction(abi ?? "0.2.1", entry.module, entry.name) !== undefined);
  return {
    size: binary.size,
    abi,
    imports: sorted(imports.map((entry) => entry.name)),
    exports: sorted(exports.map((entry) => entry.name)),
    capabilities: sorted([...offered, ...exports].map((entry) => entry.name).filter(isCapability)),
    memory: memory && { initialPages: memory.min, maximumPages: memory.max },
    hasStart: binary.hasStart,
    customSections: binary.custom.slice(0, MAX_LIST).map(({ name, start, end }) => ({ name: cut(name), size: end - start })),
    problem: loadable.ok ? checkHazards(binary) : loadable.error,
  };
}

/** The first marker among the function exports decides, as in Envoy. */
export function abiOf(binary: WasmBinary): AbiVersion | undefined {
  const marker = binary.exports.find((entry) => entry.kind === "function" && ABI_MARKERS.has(entry.name));
  return marker && ABI_MARKERS.get(marker.name);
}

/** Longest list and name in the facts: Envoy offers fewer than 200 functions, so what has more of anything does not load. */
const MAX_LIST = 1000;
const MAX_NAME = 256;

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort().slice(0, MAX_LIST).map(cut);
}

function cut(name: string): string {
  return name.slice(0, MAX_NAME);
}
