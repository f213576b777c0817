import { hostFunction } from "../../abi/abi.ts";
import type { Import, WasmBinary } from "../../binary/binary.ts";
import type { Host, HostFunction } from "../state/host.ts";
import { bufferFunctions } from "./buffers.ts";
import { calloutFunctions } from "./callouts.ts";
import { generalFunctions } from "./general.ts";
import { mapFunctions } from "./maps.ts";
import { shareFunctions } from "./shares.ts";
import { streamFunctions } from "./streams.ts";
import { wasiFunctions } from "./wasi.ts";

/** Every host function by name, of all ABI versions: the ABI table decides which of them a module gets. */
export function implementations(host: Host): { readonly env: Record<string, HostFunction>; readonly wasi: Record<string, HostFunction> } {
  const env = {
    ...generalFunctions(host),
    ...mapFunctions(host),
    ...bufferFunctions(host),
    ...streamFunctions(host),
    ...calloutFunctions(host),
    ...shareFunctions(host),
  };
  return { env, wasi: wasiFunctions(host) };
}

/**
 * Instantiates a compiled module against the host, which runs its start section, and attaches its exports and memory.
 * `maxPages` bounds the memories that the module imports, each with its share of all memories. Throws what the start section or V8 throws.
 */
export function instantiate(host: Host, module: WebAssembly.Module, binary: WasmBinary, maxPages: number): void {
  const functions = implementations(host);
  const imports: WebAssembly.Imports = {};
  const share = Math.floor(maxPages / Math.max(1, binary.memories.length));
  let imported: WebAssembly.Memory | undefined;
  for (const entry of binary.imports) {
    const space = imports[entry.module] ?? {};
    imports[entry.module] = space;
    if (entry.kind === "memory") {
      imported = new WebAssembly.Memory(bounded(entry, share));
      space[entry.name] = imported;
    } else if (entry.kind === "table") {
      space[entry.name] = new WebAssembly.Table({ element: "anyfunc", ...bounded(entry, Number.POSITIVE_INFINITY) });
    } else if (entry.kind === "function") {
      space[entry.name] = wrap(host, functions, entry);
    }
  }
  const { exports } = new WebAssembly.Instance(module, imports);
  const exported = Object.values(exports).findLast((value) => value instanceof WebAssembly.Memory);
  host.attach(exports, exported ?? imported);
}

function bounded(entry: Import, maxPages: number): { initial: number; maximum?: number } {
  const initial = entry.limits?.min ?? 0;
  const maximum = Math.max(initial, Math.min(entry.limits?.max ?? maxPages, maxPages));
  return Number.isFinite(maximum) ? { initial, maximum } : { initial };
}

function wrap(host: Host, functions: ReturnType<typeof implementations>, entry: Import): unknown {
  const type = hostFunction(host.options.abi, entry.module, entry.name);
  const run = (entry.module === "env" ? functions.env : functions.wasi)[entry.name];
  return type === undefined || run === undefined ? undefined : host.guard(entry.module, entry.name, type, run);
}
