import { clip } from "../../base/text.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import type { Import, WasmBinary } from "../binary/binary.ts";
import { functionNameMaps } from "../binary/function-names.ts";
import { MalformedError } from "../binary/reader.ts";
import { printType, sameType } from "../binary/types.ts";
import { ABI_MARKERS, type AbiVersion, callback, hostFunction, hostFunctions, isCapability } from "./abi.ts";

/** Envoy starts V8 with this bound (1 GiB); a module that starts with more does not compile there. */
export const ENVOY_MAX_PAGES = 16_384;

/**
 * Everything that makes Envoy refuse a module before it runs any of its code, in Envoy's order.
 * `capabilities`: names in Envoy's `allowed_capabilities`; `undefined` or empty restricts nothing. Callbacks outside it are ignored.
 * The compiler decides whether the code itself is valid.
 */
export function checkLoadable(
  bytes: Uint8Array,
  binary: WasmBinary,
  abi: AbiVersion | undefined,
  capabilities?: readonly string[],
): Result<AbiVersion> {
  if (abi === undefined) return noAbi(binary);
  const allowed = capabilities === undefined || capabilities.length === 0 ? undefined : new Set(capabilities);
  return checkNames(bytes, binary) ?? checkMemory(binary) ?? checkImports(binary, abi) ?? checkExports(binary, abi, allowed) ?? ok(abi);
}

type Failed = ReturnType<typeof fail>;

/** A name of the module for a message. A module may have names of many megabytes. */
const named = (name: string): string => clip(name, LONGEST_NAME);
const LONGEST_NAME = 200;

function noAbi(binary: WasmBinary): Failed {
  const other = binary.exports.find((entry) => entry.name.startsWith("proxy_abi_version_"));
  const known = [...ABI_MARKERS.values()].join(", ");
  if (other !== undefined) return fail("UnknownAbi", `the module exports ${named(other.name)}; Envoy knows proxy-wasm ABI ${known}`);
  const command = binary.exports.some((entry) => entry.name === "_start")
    ? "; it exports _start, so it may be an ordinary WASI command"
    : "";
  return fail(
    "NoAbi",
    `the module is no proxy-wasm filter: it exports no proxy_abi_version_... function${command}; build it with a proxy-wasm SDK`,
  );
}

/** Envoy reads function names for its backtraces, and refuses a module whose `name` section is malformed. */
function checkNames(bytes: Uint8Array, binary: WasmBinary): Failed | undefined {
  const section = binary.custom.find((entry) => entry.name === "name");
  if (section === undefined) return undefined;
  try {
    for (const content of functionNameMaps(bytes, section)) {
      for (let left = content.unsigned(); left > 0; left -= 1) {
        content.unsigned();
        content.skip(content.unsigned());
      }
      if (!content.done()) content.fail("bytes left over");
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return fail(
      "MalformedModule",
      `the custom section "name" is malformed at byte ${error.offset}: ${error.message}; Envoy refuses it: strip or rebuild the module`,
    );
  }
}

function checkMemory(binary: WasmBinary): Failed | undefined {
  const memory = binary.memories.find(({ min }) => min > ENVOY_MAX_PAGES);
  if (memory === undefined) return undefined;
  return fail("MemoryLimit", `the module starts with ${memory.min} pages of memory; Envoy allows ${ENVOY_MAX_PAGES} (1 GiB)`);
}

/** A module that Envoy loads and then crashes on: it calls host functions and exports no memory for them to read. */
export function checkHazards(binary: WasmBinary): Failure | undefined {
  const reachable = [...binary.exports, ...binary.imports].some((entry) => entry.kind === "memory");
  const reader = binary.imports.find((entry) => entry.kind === "function" && (entry.type?.params.length ?? 0) > 0);
  if (reachable || reader === undefined) return undefined;
  const message = `the module exports no memory, and Envoy crashes when ${reader.module}.${reader.name} reads its arguments; export it as "memory"`;
  return fail("NoMemory", message).error;
}

function checkImports(binary: WasmBinary, abi: AbiVersion): Failed | undefined {
  for (const entry of binary.imports) {
    const problem = checkImport(entry, abi);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function checkImport(entry: Import, abi: AbiVersion): Failed | undefined {
  const name = `${named(entry.module)}.${named(entry.name)}`;
  if (entry.kind === "global" || entry.kind === "tag") {
    return fail("MissingImport", `missing import: ${name} (a ${entry.kind}): Envoy offers functions only`);
  }
  if (entry.kind !== "function") return undefined;
  const offered = hostFunction(abi, entry.module, entry.name);
  if (offered === undefined)
    return fail(
      "MissingImport",
      `missing import: ${name}: Envoy offers no such function to ABI ${abi}${elsewhere(entry, abi)}; build the module without it`,
    );
  if (entry.type !== undefined && sameType(entry.type, offered)) return undefined;
  const wanted = entry.type ? printType(entry.type) : "an unknown type";
  return fail("ImportTypeMismatch", `import type mismatch: ${name}: the module wants ${wanted}, Envoy offers ${printType(offered)}`);
}

/** Where else the function exists, in case ABI versions or module names were mixed up. */
function elsewhere(entry: Import, abi: AbiVersion): string {
  const module = hostFunctions(abi).find((offered) => offered.name === entry.name)?.module;
  if (module !== undefined) return `; it is in module ${module}`;
  const other = [...ABI_MARKERS.values()].filter((version) => hostFunction(version, entry.module, entry.name) !== undefined);
  return other.length === 0 ? "" : `; it belongs to ABI ${other.join(" and ")}`;
}

function checkExports(binary: WasmBinary, abi: AbiVersion, allowed: ReadonlySet<string> | undefined): Failed | undefined {
  const functions = new Map(binary.exports.filter((entry) => entry.kind === "function").map((entry) => [entry.name, entry.type]));
  for (const [name, type] of functions) {
    const wanted = callback(abi, name);
    if (wanted === undefined || !isLookedAt(name, functions, allowed)) continue;
    if (type !== undefined && sameType(type, wanted)) continue;
    const found = type ? printType(type) : "an unknown type";
    return fail(
      "ExportTypeMismatch",
      `export type mismatch: ${named(name)}: Envoy wants ${printType(wanted)}, the module exports ${found}`,
    );
  }
  if (functions.has("malloc") || functions.has("proxy_on_memory_allocate")) return undefined;
  return fail("NoMalloc", "the module exports neither proxy_on_memory_allocate nor malloc; Envoy needs one to hand data over");
}

function isLookedAt(name: string, functions: ReadonlyMap<string, unknown>, allowed: ReadonlySet<string> | undefined): boolean {
  switch (name) {
    case "_start":
      return !functions.has("_initialize");
    case "main":
    case "__main_void":
      return functions.has("_initialize");
    case "proxy_on_memory_allocate":
      return !functions.has("malloc");
    default:
      return allowed === undefined || !isCapability(name) || allowed.has(name);
  }
}
