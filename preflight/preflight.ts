import { fail, ok, type Result } from "../model/result.ts";
import type { PluginSettings } from "../model/revision.ts";
import type { Measurements, Preflight } from "../model/verdict.ts";
import { readWasm } from "./binary.ts";
import { factsOf } from "./facts.ts";
import { checkLoadable } from "./loadable.ts";

/** Bounds of a preflight. All optional; the defaults suit an operator. */
export interface PreflightOptions {
  /** Largest module that is looked at, in bytes. Default 64 MiB. */
  readonly maxModuleBytes?: number;
}

/** Proves that modules load, before any proxy sees them. */
export function createPreflight(options: PreflightOptions = {}): Preflight {
  const maxModuleBytes = options.maxModuleBytes ?? 64 * 1024 * 1024;
  return {
    async validate(code, settings) {
      if (code.length > maxModuleBytes) {
        return fail("ModuleTooLarge", `The module has ${code.length} bytes; the limit is ${maxModuleBytes}.`);
      }
      return validateStatically(code, settings);
    },
  };
}

async function validateStatically(code: Uint8Array, settings: PluginSettings): Promise<Result<Measurements>> {
  const read = readWasm(code);
  if (!read.ok) return read;
  const facts = factsOf(code, read.value);
  const loadable = checkLoadable(code, read.value, facts.abi, settings.capabilities);
  if (!loadable.ok) return loadable;
  const before = performance.now();
  try {
    await WebAssembly.compile(code.slice());
  } catch (error) {
    return fail("CompileFailed", `V8 cannot compile the module: ${error instanceof Error ? error.message : String(error)}.`);
  }
  const { size, imports, exports } = facts;
  const compileMs = performance.now() - before;
  return ok({
    size,
    compileMs,
    startMs: 0,
    memoryPages: facts.memory?.initialPages ?? 0,
    imports,
    exports,
    abi: loadable.value,
    effects: [],
  });
}
