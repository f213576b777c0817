import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { cached, keyOf } from "../base/cache-folder.ts";
import { buildHello, buildHelloRust } from "./examples/hello.ts";
import { contentsOf, isSource, sourceOf } from "./examples/sources.ts";
import { needGo, needNpm } from "./tools/machine.ts";
import { outsideNpm, runOk, ToolError } from "./tools/run.ts";

/** Paths of the example modules, built from `examples/filters/`. */
export interface Examples {
  /** Adds `x-weir: v1` or `x-weir: v2` unless configured otherwise; 20 KB, ABI 0.2.0, AssemblyScript. */
  readonly addHeaderAs: { readonly v1: string; readonly v2: string };
  /** The same in Go; 3 MB, ABI 0.2.1. */
  readonly addHeaderGo: { readonly v1: string; readonly v2: string };
  /** Imports a host function that no proxy has, `env.proxy_open_the_pod_bay_doors`. */
  readonly missingImport: string;
}

/**
 * Builds the example filters, or finds them in the user's cache: the key is the sources and the toolchain, and the same key gives the same bytes.
 * Throws a ToolError, one line, on a machine that lacks Go or npm.
 */
export async function buildExamples(): Promise<Examples> {
  const [assemblyScript, go] = [await buildAssemblyScript(), await buildGo()];
  return {
    addHeaderAs: { v1: join(assemblyScript, "v1.wasm"), v2: join(assemblyScript, "v2.wasm") },
    addHeaderGo: { v1: join(go, "v1.wasm"), v2: join(go, "v2.wasm") },
    missingImport: join(assemblyScript, "missing-import.wasm"),
  };
}

const ASC_FLAGS = ["--use", "abort=abort_proc_exit", "--optimize"];

async function buildAssemblyScript(): Promise<string> {
  const source = sourceOf("add-header-as");
  const key = keyOf(...(await contentsOf(source)), ASC_FLAGS.join(" "));
  return cached(`add-header-as-${key}`, async (folder) => {
    await needNpm();
    const work = join(folder, "work");
    await cp(source, work, { recursive: true, filter: isSource });
    await runOk("npm", ["ci", "--no-audit", "--no-fund"], { cwd: work, env: outsideNpm() });
    for (const name of ["v1", "v2", "missing-import"]) {
      const compile = [join(work, "node_modules/assemblyscript/bin/asc"), `assembly/${name}.ts`, ...ASC_FLAGS, "-b", `../${name}.wasm`];
      await runOk(process.execPath, compile, { cwd: work });
    }
    await rm(work, { recursive: true });
  });
}

async function buildGo(): Promise<string> {
  const source = sourceOf("add-header-go");
  const toolchain = await needGo(source);
  const flags = (version: string) => [
    "-buildmode=c-shared",
    "-trimpath",
    "-buildvcs=false",
    "-ldflags",
    `-s -w -buildid= -X main.version=${version}`,
  ];
  const key = keyOf(...(await contentsOf(source)), toolchain, flags("").join(" "));
  return cached(`add-header-go-${key}`, async (folder) => {
    for (const version of ["v1", "v2"]) {
      const output = join(folder, `${version}.wasm`);
      await runOk("go", ["build", ...flags(version), "-o", output, "."], {
        cwd: source,
        env: { ...outsideNpm(), GOOS: "wasip1", GOARCH: "wasm" },
      });
    }
  });
}

/** Rust is the one toolchain that neither the project brings nor its tests need. */
function reasonOf(error: unknown): string {
  if (error instanceof ToolError) return error.message;
  throw error;
}

if (import.meta.main) {
  try {
    const rust = await buildHelloRust().catch(reasonOf);
    console.log(JSON.stringify({ ...(await buildExamples()), hello: { ...(await buildHello()), rust } }, null, 2));
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
