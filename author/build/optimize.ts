import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { clip, oneLine } from "../../base/text.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { NOT_FOUND, run } from "../process/run.ts";
import type { Goal } from "../project/project.ts";
import { findPackage } from "../toolchain/node-modules.ts";
import type { Machine } from "../toolchain/toolchain.ts";

/** What Envoy's V8 runs and compilers emit; binaryen adds nothing of them to a module that has none. */
const FEATURES = [
  ...["bulk-memory", "extended-const", "multivalue", "mutable-globals", "nontrapping-float-to-int", "reference-types"],
  ...["sign-ext", "simd", "tail-call"],
];
const LEVELS: Readonly<Record<Exclude<Goal, "none">, string>> = { size: "-Oz", speed: "-O3" };
const INSTALL = "run npm install --save-dev binaryen in the project or a folder above it, or put wasm-opt on the PATH";
const MAX_WORDS = 300;

/** binaryen's `wasm-opt`, as a program and the arguments before its own. */
interface WasmOpt {
  readonly program: string;
  readonly lead: readonly string[];
}

export interface OptimizeOptions {
  readonly goal: Exclude<Goal, "none">;
  readonly keepNames: boolean;
  /** A folder for what is written meanwhile. */
  readonly draft: string;
  /** The project's. */
  readonly folder: string;
}

/** Runs binaryen over a module. It is the author's own: from `node_modules`, or on the PATH. Fails with `NoOptimizer`, `OptimizeFailed` or `Stopped`. */
export async function optimize(module: Uint8Array, options: OptimizeOptions, { env, signal }: Machine): Promise<Result<Uint8Array>> {
  const { goal, keepNames, draft, folder } = options;
  const { program, lead } = await findWasmOpt(folder);
  const [input, output] = [join(draft, "stripped.wasm"), join(draft, "optimized.wasm")];
  await writeFile(input, module);
  const args = [...lead, input, LEVELS[goal], ...FEATURES.map((name) => `--enable-${name}`), ...(keepNames ? ["-g"] : []), "-o", output];
  const ran = await run({ program, args, cwd: folder, env }, { signal });
  if (!ran.ok)
    return ran.error.reason === NOT_FOUND ? fail("NoOptimizer", `there is no binaryen to optimize for ${goal}; ${INSTALL}`) : ran;
  const { code, stderr, stdout } = ran.value;
  if (code !== 0) return fail("OptimizeFailed", `binaryen does not take the module: ${clip(oneLine(stderr || stdout), MAX_WORDS)}`);
  return ok(await readFile(output));
}

async function findWasmOpt(folder: string): Promise<WasmOpt> {
  const found = await findPackage("binaryen", folder);
  return found === undefined ? { program: "wasm-opt", lead: [] } : { program: process.execPath, lead: [join(found, "bin/wasm-opt")] };
}
