import { setFlagsFromString } from "node:v8";
import { messageOf } from "../../base/error.ts";
import { fail, ok, type Result } from "../../model/result.ts";

export interface Compiled {
  readonly module: WebAssembly.Module;
  /** Milliseconds until it was compiled. */
  readonly compileMs: number;
  /** CPU milliseconds that a proxy spends on loading it, on all threads; `undefined` when it was not compiled as Envoy does. */
  readonly loadMs: number | undefined;
}

/**
 * Compiles a module. `asEnvoy`: every function at once with the optimizing compiler, as proxy-wasm-cpp-host tells V8 to; within a few percent
 * of Envoy's own CPU time. The flags are those of the whole process and stay set: call it in a prover only.
 */
export function compile(bytes: Uint8Array, asEnvoy: boolean): Result<Compiled> {
  if (asEnvoy) {
    setFlagsFromString("--no-liftoff");
    setFlagsFromString("--no-wasm-lazy-compilation");
  }
  const [before, cpu] = [performance.now(), process.cpuUsage()];
  try {
    const module = new WebAssembly.Module(bytes);
    const used = process.cpuUsage(cpu);
    return ok({ module, compileMs: performance.now() - before, loadMs: asEnvoy ? (used.user + used.system) / 1000 : undefined });
  } catch (error) {
    return fail("CompileFailed", `V8 cannot compile the module: ${messageOf(error)}`);
  }
}
