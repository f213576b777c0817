import { lstat, mkdtemp, readFile, realpath, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { TEMPORARY_PREFIX, writeFileAtomically } from "../../base/atomic-file.ts";
import { hasCode, isSystemError, messageOf } from "../../base/error.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { digestOf } from "../../model/digest.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import { createPreflight, inspectModule } from "../../preflight/index.ts";
import { type Environment, outsideNpm } from "../process/environment.ts";
import { run } from "../process/run.ts";
import type { Goal, Project } from "../project/project.ts";
import { findToolchain } from "../toolchain/find.ts";
import type { Compiled, Job, Machine, Toolchain } from "../toolchain/toolchain.ts";
import type { BuildFailure, Built, Progress } from "./built.ts";
import { optimize } from "./optimize.ts";
import { type Stripped, strip } from "./strip.ts";

export interface BuildOptions {
  readonly env: Environment;
  /** Stops the build, with all that it started. */
  readonly signal?: AbortSignal | undefined;
  /** Instead of what the project says. */
  readonly goal?: Goal | undefined;
  readonly keepNames?: boolean | undefined;
  /** Where the module is written, in place of the project's own. */
  readonly module?: string | undefined;
  /** Prove it as the operator does, with the project's configuration. Default true. */
  readonly prove?: boolean;
  readonly onProgress?: (progress: Progress) => void;
  /** What runs the compiler. Default: a process for each run. */
  readonly run?: typeof run;
}

/** Larger than what Weir ships, stripped or not. */
const MAX_COMPILED = 1 << 30;

/**
 * Compiles a project, optimizes and strips the module, proves it, and only then writes it, whole. The same project and compiler give the same bytes, wherever they are.
 * Fails with `NoToolchain`, `ToolchainTooOld`, `CompileFailed`, `NoSource`, `Stopped`, as `optimize` does, or as a proof does.
 */
export async function buildProject(project: Project, options: BuildOptions): Promise<Result<Built, BuildFailure>> {
  const module = options.module ?? project.module;
  const missing = await missingFolders(dirname(module));
  try {
    const first = await realpath(dirname(missing.at(-1) ?? module));
    if (isBelow(module, project.folder) && !isBelow(join(first, "-"), await realpath(project.folder)))
      return fail("CannotWrite", `${dirname(module)} leads out of the project, to ${first}; make it a folder of the project's own`);
    return await build(project, module, options);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return fail(
      "CannotWrite",
      `${module} cannot be written: ${messageOf(error)}; make room for it, or name another place as module in weir.yaml`,
    );
  } finally {
    // A build that wrote nothing leaves no folder; one that holds something stays.
    for (const folder of missing) await rmdir(folder).catch(() => {});
  }
}

/** The folder and those above it that are not there, the innermost first. A link to nothing is there. */
async function missingFolders(path: string): Promise<readonly string[]> {
  const found = await lstat(path).catch((error) => (hasCode(error, "ENOENT") ? undefined : "unknown"));
  return found === undefined && dirname(path) !== path ? [path, ...(await missingFolders(dirname(path)))] : [];
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(join(folder, sep));
}

async function build(project: Project, module: string, options: BuildOptions): Promise<Result<Built, BuildFailure>> {
  const start = performance.now();
  const machine: Machine = { env: outsideNpm(options.env), signal: options.signal };
  const toolchain = await findToolchain(project, machine);
  if (!toolchain.ok) return toolchain;
  options.onProgress?.({ step: "compile", toolchain: toolchain.value.title });
  const compiled = await inDraft(dirname(module), (draft) => compile(draft, project, { ...options, machine, toolchain: toolchain.value }));
  if (!compiled.ok) return compiled;
  const { bytes, sections, words } = compiled.value;
  const proof = options.prove === false ? ok(undefined) : await prove(bytes, project, options);
  if (!proof.ok) return proof;
  await writeFileAtomically(module, bytes);
  const facts = inspectModule(bytes);
  return ok({
    module,
    bytes,
    wasmDigest: digestOf(bytes),
    sections: sections.map(({ name, start: from, end }) => ({ name, size: end - from })).sort((a, b) => b.size - a.size),
    imports: facts.ok ? facts.value.imports : [],
    loadMs: proof.value?.loadMs,
    proof: proof.value,
    toolchain: toolchain.value.title,
    warnings: words,
    seconds: (performance.now() - start) / 1000,
  });
}

/** Runs `work` with an empty folder beside where its result goes, which is gone after. */
async function inDraft<T>(parent: string, work: (draft: string) => Promise<T>): Promise<T> {
  await makeFolder(parent);
  const draft = await mkdtemp(join(parent, TEMPORARY_PREFIX));
  try {
    return await work(draft);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

interface Work extends BuildOptions {
  readonly machine: Machine;
  readonly toolchain: Toolchain;
}

async function compile(draft: string, project: Project, work: Work): Promise<Result<Stripped & Pick<Compiled, "words">, BuildFailure>> {
  const { toolchain, machine, onProgress } = work;
  const goal = work.goal ?? project.optimize;
  const keepNames = work.keepNames ?? project.keepNames;
  const job: Job = { project, output: join(draft, "module.wasm"), goal, keepNames };
  const command = await toolchain.command(job);
  if (!command.ok) return command;
  const onLine = onProgress && ((text: string) => onProgress({ step: "line", text }));
  // A compiler that is ended leaves its temporary files: they go with the draft.
  const env = { ...command.value.env, TMPDIR: draft, GOTMPDIR: draft };
  const ran = await (work.run ?? run)({ ...command.value, env }, { signal: machine.signal, onLine });
  if (!ran.ok) return ran;
  const { module, words } = toolchain.read(ran.value, job);
  const size = (await stat(module).catch(() => undefined))?.size;
  if (ran.value.code !== 0 || size === undefined) {
    const how = ran.value.code === 0 ? "wrote no module" : "does not compile the project";
    return { ok: false, error: { ...fail("CompileFailed", `${toolchain.title} ${how}; see what it says`).error, words } };
  }
  if (size > MAX_COMPILED)
    return fail("ModuleTooLarge", `${toolchain.title} wrote a module of ${size} bytes; Weir ships modules up to 64 MiB`);
  const plain = strip(await readFile(module), keepNames);
  if (!plain.ok || goal === undefined || goal === "none" || toolchain.isOptimizing) return withWords(plain, words);
  onProgress?.({ step: "optimize", goal });
  const optimized = await optimize(plain.value.bytes, { goal, keepNames, draft, folder: project.folder }, machine);
  return optimized.ok ? withWords(strip(optimized.value, keepNames), words) : optimized;
}

function withWords(done: Result<Stripped>, words: string): Result<Stripped & Pick<Compiled, "words">> {
  return done.ok ? ok({ ...done.value, words }) : done;
}

async function prove(bytes: Uint8Array, { name, config, rootId }: Project, { onProgress, signal }: BuildOptions) {
  onProgress?.({ step: "prove" });
  const verdict = await createPreflight().validate(bytes, { ...DEFAULT_SETTINGS, config, rootId }, { signal });
  if (verdict.ok || verdict.error.retryable) return verdict;
  const { reason, message } = verdict.error;
  return fail(reason, `${name} would be refused (${reason}), so it was not written: ${message}`);
}
