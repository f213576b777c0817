import { fail, ok, type Result } from "../model/result.ts";
import { abiOf } from "./abi/facts.ts";
import { checkLoadable } from "./abi/loadable.ts";
import { readWasm } from "./binary/binary.ts";
import { createPlugin, type Plugin, type PluginOptions } from "./host/index.ts";

/**
 * Compiles a module and starts it in this process, without a sandbox: for tests of filters that you trust. Fails as preflight does
 * when Envoy could not load the module. What the module does when it starts is in `problem` and `fault()` of the plugin.
 */
export function loadPlugin(bytes: Uint8Array, options: PluginOptions = {}): Result<Plugin> {
  const prepared = preparePlugin(bytes, options.capabilities);
  return prepared.ok ? ok(prepared.value(options)) : prepared;
}

/** The same for a module that is started more than once: it is compiled here. */
export function preparePlugin(bytes: Uint8Array, capabilities?: readonly string[]): Result<(options: PluginOptions) => Plugin> {
  const read = readWasm(bytes);
  if (!read.ok) return read;
  const abi = checkLoadable(bytes, read.value, abiOf(read.value), capabilities);
  if (!abi.ok) return abi;
  try {
    const module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
    return ok((options) => createPlugin(module, read.value, abi.value, { ...options, capabilities: capabilities ?? [] }));
  } catch (error) {
    if (!(error instanceof WebAssembly.CompileError)) throw error;
    return fail("CompileFailed", `V8 cannot compile the module: ${error.message}`);
  }
}
