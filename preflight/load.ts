import { fail, ok, type Result } from "../model/result.ts";
import { abiOf } from "./abi/facts.ts";
import { checkLoadable } from "./abi/loadable.ts";
import { readWasm } from "./binary/binary.ts";
import { type Plugin, type PluginOptions, startPlugin } from "./host/index.ts";

/**
 * Compiles a module and starts it in this process, with no sandbox around it: for tests of filters that one trusts. Fails as preflight
 * does for what Envoy cannot load; what the module itself does at its start is in `problem` and `fault()` of the plugin.
 */
export function loadPlugin(bytes: Uint8Array, options: PluginOptions = {}): Result<Plugin> {
  const read = readWasm(bytes);
  if (!read.ok) return read;
  const abi = checkLoadable(bytes, read.value, abiOf(read.value), options.capabilities);
  if (!abi.ok) return abi;
  try {
    return ok(startPlugin(new WebAssembly.Module(bytes), read.value, abi.value, options));
  } catch (error) {
    if (!(error instanceof WebAssembly.CompileError)) throw error;
    return fail("CompileFailed", `V8 cannot compile the module: ${error.message}`);
  }
}
