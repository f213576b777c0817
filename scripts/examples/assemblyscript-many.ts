/**
 * Compiles several filters in one process, for the compiler takes longer to start than to compile: `NODE assemblyscript-many.ts COMPILER NAMES FLAGS...`, each `NAME.ts` of this
 * folder to `NAME.wasm`. Ends with status 1 at the first that does not compile, with the compiler's words; all of them, so the process is not cut off.
 */
const [compiler = "", names = "", ...flags] = process.argv.slice(2);

interface Compiler {
  readonly main: (args: readonly string[], streams: object) => Promise<{ readonly error: Error | null }>;
}

const { main } = ((await import(compiler)) as { readonly default: Compiler }).default;

for (const name of names.split(",")) {
  const { error } = await main([`${name}.ts`, ...flags, "-o", `${name}.wasm`], { stdout: process.stdout, stderr: process.stderr });
  if (error !== null) {
    process.exitCode = 1;
    break;
  }
}
