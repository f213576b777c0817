import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Project } from "../../author/index.ts";
import { count } from "../../base/text.ts";
import { ok, type Result } from "../../model/result.ts";
import type { ImageContent, RepositoryReader } from "../../oci/index.ts";
import { defineCommand } from "../args/command.ts";
import type { FlagValues } from "../args/syntax.ts";
import { usage } from "../args/usage.ts";
import { artifactFlags, artifactOptions, readSboms, sbomFlag } from "../artifact.ts";
import { outputFlag } from "../fleet/flags.ts";
import { findLocal, noLocal } from "../local-images.ts";
import { readModule, registryAccess, registryFlags } from "../modules.ts";
import { printJson } from "../output.ts";
import type { Terminal } from "../terminal.ts";

export const push = defineCommand({
  name: "push",
  summary: "Put an image of this machine, or a module, into a registry",
  about: `Without FILE the image REF that \`weir build -t\` or \`weir pull\` keeps on this machine goes out as it is, so it has the same digest there, and what refers to it goes along: signatures, attestations, SBOMs. With FILE the module is
    written in the CNCF Wasm artifact format, which every OCI registry takes, or into an OCI image layout folder; the same file always gets the same digest.
    The image says the module's ABI, and what the project's weir.yaml and --annotation tell; a time is in it only with SOURCE_DATE_EPOCH, so the same push gives the same digest.
    A module that Envoy cannot load is refused; --force pushes it anyway. Credentials are those of \`weir login\` and \`docker login\`.`,
  args: {
    file: { value: "FILE", completes: "file", optional: true, help: "a .wasm file; without it REF is an image on this machine" },
    reference: {
      value: "REF",
      completes: "image",
      optional: true,
      help: "registry/repository:tag; with FILE also oci-layout:DIR:TAG, or local:NAME to keep it on this machine; in a project without both, its `image`",
    },
  },
  flags: {
    tag: { type: "string", short: "t", multiple: true, value: "TAG", help: "one more tag of the same repository" },
    ...artifactFlags,
    ...sbomFlag,
    referrers: {
      type: "boolean",
      fallback: true,
      help: "leave behind what refers to an image of this machine: signatures, attestations, SBOMs",
    },
    force: { type: "boolean", help: "push even what Envoy cannot load" },
    ...registryFlags,
    ...outputFlag,
  },
  examples: [
    { does: "what weir build -t kept", command: "weir push registry.example/filters/add-header:1.2" },
    { does: "a module", command: "weir push add-header.wasm registry.example/filters/add-header:1.2" },
    {
      does: "with more tags, and a bill of materials beside it",
      command: "weir push add-header.wasm registry.example/filters/add-header:1.2.0 -t 1.2 -t latest --sbom sbom.spdx.json",
    },
    { does: "to a folder: no registry needed", command: "weir push add-header.wasm oci-layout:./images:1.2" },
  ],
  async run({ flags, args }, terminal) {
    const [file, given] = args.reference === undefined ? [undefined, args.file] : [args.file, args.reference];
    const named = given === undefined ? await projectImage() : ok(given);
    if (!named.ok) return named;
    const name = named.value;
    if (file === undefined && name.startsWith("local:"))
      return usage("REF is where the image goes, by which it is known on this machine too: leave out local:");
    if (file === undefined && existsSync(name)) return usage(`REF is missing: registry/repository:tag (${name} is a file)`);
    const isChanged = flags.annotation.length > 0 || flags.readme !== undefined || flags["config-schema"] !== undefined;
    if (file === undefined && isChanged)
      return usage(
        "--annotation, --readme and --config-schema go into an image that is made from FILE; one of this machine goes out as it is",
      );
    const attached = await readSboms(flags.sbom);
    if (!attached.ok) return attached;
    const found = file === undefined ? await fromHere(name, terminal.env) : await fromFile(file, flags, terminal.env);
    if (!found.ok) return found;
    const { bytes, image, wasmDigest } = found.value;
    const { createExaminer } = await import("../../preflight/index.ts");
    const inspected = await createExaminer().inspect(bytes);
    const problem = inspected.ok ? inspected.value.facts.problem : inspected.error;
    if (problem !== undefined && !flags.force) {
      const message = `${file ?? name}: ${problem.message}; nothing was pushed: --force pushes it anyway`;
      return { ok: false, error: { ...problem, message } };
    }
    const access = await registryAccess(name, flags, terminal.env);
    if (!access.ok) return access;
    const { pushImage } = await import("../../oci/index.ts");
    const own = flags.referrers ? found.value.repository : undefined;
    const pushed = await pushImage(name, image, { ...access.value, tags: flags.tag, attached: attached.value, referrersFrom: own });
    if (!pushed.ok) return pushed;
    const { reference, digest, referrers } = pushed.value;
    const size = bytes.byteLength;
    if (flags.output === "json") printJson({ reference, digest, wasmDigest, size, referrers }, terminal);
    else {
      const along = referrers === 0 ? "" : `  with    ${count(referrers, "referrer")}\n`;
      terminal.out(`pushed ${reference}\n  digest  ${digest}\n  module  ${wasmDigest} (${size} bytes)\n${along}`);
    }
    return ok(undefined);
  },
});

/** The `image` of the project in the working folder. */
async function projectImage(): Promise<Result<string>> {
  const { readProject } = await import("../../author/index.ts");
  const project = await readProject(".");
  if (!project.ok && project.error.reason !== "NoProject") return project;
  const image = project.ok ? project.value.image : undefined;
  return image === undefined ? usage("REF is missing: registry/repository:tag; in a project it may be `image` in weir.yaml") : ok(image);
}

interface Pushable {
  readonly image: ImageContent;
  /** The module's own. */
  readonly bytes: Uint8Array;
  readonly wasmDigest: string;
  /** Where the image is, with what refers to it. */
  readonly repository?: RepositoryReader;
}

async function fromFile(path: string, flags: FlagValues<typeof artifactFlags>, env: Terminal["env"]): Promise<Result<Pushable>> {
  const module = await readModule(path);
  if (!module.ok) return module;
  const project = await projectOf(path);
  if (!project.ok) return project;
  const options = await artifactOptions({ module: module.value, project: project.value, flags, env });
  if (!options.ok) return options;
  const [{ createArtifact }, { digestOf }] = await Promise.all([import("../../oci/index.ts"), import("../../model/digest.ts")]);
  return ok({ image: createArtifact(module.value, options.value), bytes: module.value, wasmDigest: digestOf(module.value) });
}

/** The project in the working folder, if this file is the module that it builds. */
async function projectOf(path: string): Promise<Result<Project | undefined>> {
  const { readProject } = await import("../../author/index.ts");
  const project = await readProject(".");
  if (!project.ok) return project.error.reason === "NoProject" ? ok(undefined) : project;
  return ok(project.value.module === resolve(path) ? project.value : undefined);
}

async function fromHere(name: string, env: Readonly<Record<string, string | undefined>>): Promise<Result<Pushable>> {
  const found = await findLocal(name, env);
  if (!found.ok) return found;
  if (found.value === undefined) return noLocal(name);
  const { images, image, reference } = found.value;
  const { readContent } = await import("../../oci/index.ts");
  const repository = images.repository(reference);
  const content = await readContent(repository, image.manifest, undefined, image);
  if (!content.ok) return content;
  return ok({ image: content.value, bytes: image.bytes, wasmDigest: image.module.wasmDigest, repository });
}
