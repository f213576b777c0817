import { relative } from "node:path";
import type { BuildFailure, Built, Project } from "../../author/index.ts";
import { ok, type Result } from "../../model/result.ts";
import type { RegistryReference } from "../../oci/index.ts";
import { defineCommand } from "../args/command.ts";
import { artifactOptions } from "../artifact.ts";
import { outputFlag } from "../fleet/flags.ts";
import { inScope } from "../local/scope.ts";
import { keepLocal, parseLocalName } from "../local-images.ts";
import { printJson } from "../output.ts";
import { startProgress } from "../progress.ts";
import { renderBuildFailure, renderBuilt } from "../render/build.ts";
import type { Terminal } from "../terminal.ts";

export const build = defineCommand({
  name: "build",
  summary: "Build the project in a folder, prove the module, and keep it as an image",
  about: `Finds the compiler of the language that the project's weir.yaml names, and says what to install if there is none. The module is built for release, without what
    no proxy reads, and proved with the project's configuration as \`weir verify\` does it. The same project and compiler give the same digest, in any folder. Nothing
    is written when any of this fails: what was there before stays. Ctrl-C stops it, with all that it started; the exit status is then 130.

    --optimize runs binaryen over the module, which the project brings (npm install --save-dev binaryen) or which is on the PATH; see docs/authors/performance.md for
    when it pays. AssemblyScript's compiler has it inside.`,
  args: { folder: { value: "DIR", completes: "folder", optional: true, help: "the project's folder; here, if none is given" } },
  flags: {
    tag: {
      type: "string",
      short: "t",
      value: "REF",
      help: "keep the image on this machine by this name, in place of the `image` in weir.yaml",
    },
    optimize: {
      type: "string",
      help: "what to optimize the module for; what weir.yaml says, if not given",
      choices: ["size", "speed", "none"],
    },
    "keep-names": { type: "boolean", help: "keep the names of functions, which a trap's stack shows" },
    prove: { type: "boolean", fallback: true, help: "do not prove the module" },
    ...outputFlag,
  },
  examples: [
    { does: "the project in this folder", command: "weir build" },
    { does: "and keep its image", command: "weir build -t registry.example/me/add-header:0.1" },
    { does: "as small as it gets", command: "weir build --optimize size" },
  ],
  async run({ flags, args }, terminal) {
    const { buildProject, readProject } = await import("../../author/index.ts");
    const project = await readProject(args.folder ?? ".");
    if (!project.ok) return project;
    const name = flags.tag ?? project.value.image;
    const reference = name === undefined ? ok(undefined) : await parseLocalName(name);
    if (!reference.ok) return reference;
    return inScope(async ({ signal }) => {
      const progress = startProgress(terminal);
      const built = await buildProject(project.value, {
        env: terminal.env,
        signal,
        goal: flags.optimize,
        keepNames: flags["keep-names"] || undefined,
        prove: flags.prove,
        onProgress: progress.tell,
      });
      progress.stop();
      if (!built.ok && signal.aborted && flags.output !== "json") {
        terminal.err("weir build was stopped\n");
        return ok(1);
      }
      if (!built.ok) return refuse(built.error, flags.output === "json", terminal);
      const kept =
        reference.value === undefined ? ok(undefined) : await keep(reference.value, project.value, built.value, terminal, signal);
      if (!kept.ok) return kept;
      print(built.value, kept.value, flags.output === "json", terminal);
      return ok(undefined);
    });
  },
});

async function keep(name: RegistryReference, project: Project, { bytes }: Built, { env }: Terminal, signal: AbortSignal) {
  const options = await artifactOptions({
    module: bytes,
    project,
    flags: { annotation: [], readme: undefined, "config-schema": undefined },
    env,
  });
  return options.ok ? keepLocal(name, bytes, options.value, env, signal) : options;
}

/** The compiler's words stand below ours, whole, so they are printed here. */
function refuse(error: BuildFailure, isJson: boolean, terminal: Terminal): Result<number> {
  if (isJson) printJson({ built: false, reason: error.reason, message: error.message, words: error.words ?? "" }, terminal);
  terminal.err(renderBuildFailure(error));
  return ok(1);
}

function print(
  built: Built,
  image: { readonly reference: string; readonly digest: string } | undefined,
  isJson: boolean,
  terminal: Terminal,
): void {
  const { bytes, ...facts } = built;
  if (built.warnings.trim() !== "") terminal.err(`${built.warnings.trim()}\n`);
  if (isJson) {
    printJson({ built: true, ...facts, size: bytes.length, image }, terminal);
    return;
  }
  terminal.out(renderBuilt(relative(process.cwd(), built.module), built));
  if (image !== undefined) terminal.out(`kept ${image.reference}\n  digest  ${image.digest}\n`);
}
