import { join, relative } from "node:path";
import { fail, ok, type Result } from "../../model/result.ts";
import { run } from "../process/run.ts";
import type { Goal } from "../project/project.ts";
import { listSources } from "../project/sources.ts";
import { ZIG } from "./requirements.ts";
import type { FindToolchain, Job, Machine } from "./toolchain.ts";
import { need } from "./version.ts";
import { findZigProgram } from "./zig-program.ts";

/** A compiler of C and C++ that has a standard library for WASI. */
interface Compiler {
  readonly title: string;
  readonly program: string;
  /** What comes before the options. */
  readonly lead: readonly string[];
}

interface Dialect {
  readonly title: string;
  readonly extension: RegExp;
  readonly options: readonly string[];
  /** The names of the compilers: Zig's subcommand, and Clang's program. */
  readonly zig: string;
  readonly clang: string;
  /** What else Clang needs, as Debian names it. */
  readonly packages: string;
}

const DEBIAN = "clang-16 lld-16 wasi-libc libclang-rt-16-dev-wasm32";

const DIALECTS: Readonly<Record<"c" | "cpp", Dialect>> = {
  c: { title: "C", extension: /\.c$/, options: [], zig: "cc", clang: "clang", packages: DEBIAN },
  cpp: {
    ...{ title: "C++", extension: /\.(cc|cpp|cxx)$/, zig: "c++", clang: "clang++" },
    packages: `${DEBIAN} libc++-16-dev-wasm32 libc++abi-16-dev-wasm32`,
    // Nobody catches what a filter throws.
    options: ["-std=c++20", "-fno-exceptions", "-fno-rtti"],
  },
};

const LEVELS: Readonly<Record<Goal, string>> = { size: "-Oz", speed: "-O3", none: "-Os" };
/** A command that keeps state between calls has no `main`; its memory would start at 16 MB without a stack size. */
const TARGET = ["--target=wasm32-wasi", "-mexec-model=reactor", "-Wl,-z,stack-size=65536"];
/** Debian and Ubuntu have Clang by its version alone. */
const CLANGS = ["", ...["22", "21", "20", "19", "18", "17", "16"].map((version) => `-${version}`)];

export const findC: FindToolchain = (project, machine) => find("c", project.folder, machine);
export const findCpp: FindToolchain = (project, machine) => find("cpp", project.folder, machine);

/** Zig's compiler, which has its own library for WASI, or else a Clang that finds one. */
async function find(language: "c" | "cpp", folder: string, machine: Machine) {
  const dialect = DIALECTS[language];
  const compiler = await findCompiler(dialect, folder, machine);
  if (!compiler.ok) return compiler;
  const { title, program, lead } = compiler.value;
  return ok({
    title,
    isOptimizing: false,
    command: async (job: Job) => {
      const args = await argumentsOf(job, dialect);
      return args.ok ? ok({ program, args: [...lead, ...args.value], cwd: job.project.folder, env: machine.env }) : args;
    },
    read: ({ stderr }: { readonly stderr: string }, { output }: Job) => ({ module: output, words: stderr }),
  });
}

async function argumentsOf({ project, output, goal }: Job, { title, extension, options }: Dialect): Promise<Result<readonly string[]>> {
  const { folder } = project;
  const sources = await listSources(project);
  if (!sources.ok) return sources;
  const compiled = sources.value.filter((path) => extension.test(path));
  if (compiled.length === 0)
    return fail(
      "NoSource",
      `the project has no ${title} source in ${project.sources.join(", ")}; write one, or correct sources in weir.yaml`,
    );
  // The paths in assertions lead from the project. Debug information has the names; it is stripped after, or else Zig would build its libraries once with it and once without.
  return ok([
    ...TARGET,
    LEVELS[goal ?? "none"],
    "-g1",
    `-ffile-prefix-map=${folder}=.`,
    ...options,
    ...compiled,
    "-o",
    relative(folder, output),
  ]);
}

async function findCompiler({ title, zig, clang, packages }: Dialect, folder: string, machine: Machine): Promise<Result<Compiler>> {
  const found = await findZigProgram(folder, machine);
  if (found.ok) return ok({ title: `Zig ${found.value.version}, ${title}`, program: found.value.path, lead: [zig] });
  if (found.error.retryable) return found;
  const { WASI_SDK_PATH: sdk } = machine.env;
  for (const program of [...(sdk === undefined ? [] : [join(sdk, "bin", clang)]), ...CLANGS.map((suffix) => `${clang}${suffix}`)]) {
    const version = await need({ ...CLANG, program }, folder, machine);
    if (!version.ok || !(await hasLibrary(program, clang, folder, machine))) continue;
    return ok({ title: `Clang ${version.value}`, program, lead: [] });
  }
  const message = `no compiler of ${title} for WebAssembly was found; ${ZIG.install}; or install Clang 16 or newer with a library for WASI (Debian: ${packages})`;
  return fail("NoToolchain", found.error.reason === "ToolchainTooOld" ? found.error.message : message);
}

const CLANG = {
  versionArgs: ["--version"],
  version: /clang version (\d+\.\d+\.\d+)/,
  atLeast: "16.0",
  install: "install Clang 16 or newer",
};

/** A Clang without a library for WASI finds none of its headers, and one without `wasm-ld` cannot link. */
async function hasLibrary(program: string, clang: string, folder: string, { env, signal }: Machine): Promise<boolean> {
  const args = [
    ...TARGET,
    "-include",
    clang === "clang" ? "stdlib.h" : "string",
    "-x",
    clang === "clang" ? "c" : "c++",
    "/dev/null",
    "-o",
    "/dev/null",
  ];
  const ran = await run({ program, args, cwd: folder, env }, { signal });
  return ran.ok && ran.value.code === 0;
}
