import { writeFile } from "node:fs/promises";
import { fail, ok, type Result } from "../../model/result.ts";
import type { InspectedImage, InspectOptions } from "../../oci/index.ts";
import { defineCommand } from "../args/command.ts";
import { usage } from "../args/usage.ts";
import { outputFlag } from "../fleet/flags.ts";
import { openLocal } from "../local-images.ts";
import { mirrorFlag, readingAccess } from "../mirrors.ts";
import { registryFlags } from "../modules.ts";
import { printJson } from "../output.ts";

export const pull = defineCommand({
  name: "pull",
  summary: "Fetch an image to this machine, or its module into a file",
  about: `Keeps the image with all its bits, as \`weir build -t\` does: \`weir list\` shows it, and \`weir run\`, \`verify\`, \`inspect\` and \`push\` find it by its reference. With --file only
    the bare module is written, there. Takes every image format that Wasm modules come in, and checks each digest. Of an index the image with the module is kept.`,
  args: { reference: { value: "REF", help: "registry/repository:tag, ...@sha256:...; with --file also oci-layout:DIR:TAG" } },
  flags: {
    file: { type: "string", short: "f", value: "FILE", completes: "file", help: "write the module there, and keep no image; - is stdout" },
    ...registryFlags,
    mirror: mirrorFlag,
    ...outputFlag,
  },
  examples: [
    { does: "keep it on this machine", command: "weir pull registry.example/filters/add-header:1.2" },
    { does: "the module, by digest", command: "weir pull registry.example/filters/add-header@sha256:3f2a... -f add-header.wasm" },
  ],
  async run({ flags, args }, terminal) {
    const access = await readingAccess(args.reference, flags, terminal);
    if (!access.ok) return access;
    const image =
      flags.file === undefined
        ? await keep(args.reference, access.value, terminal.env)
        : await write(args.reference, access.value, flags.file);
    if (!image.ok) return image;
    const { bytes, manifest, module, reference } = image.value;
    if (flags.file === "-") {
      terminal.out(bytes);
      return ok(undefined);
    }
    const { wasmDigest } = module;
    const { digest } = manifest;
    if (flags.output === "json") printJson({ reference, digest, wasmDigest, size: bytes.length }, terminal);
    else terminal.out(`pulled ${flags.file ?? reference} (${bytes.length} bytes)\n  digest  ${digest}\n  module  ${wasmDigest}\n`);
    return ok(undefined);
  },
});

/** The module into a file; `-` is left to the caller. */
async function write(name: string, access: InspectOptions, file: string): Promise<Result<InspectedImage>> {
  const { inspectImage } = await import("../../oci/index.ts");
  const image = await inspectImage(name, access);
  if (!image.ok || file === "-") return image;
  try {
    await writeFile(file, image.value.bytes);
    return image;
  } catch (error) {
    return fail("CannotWrite", `cannot write ${file}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

/** The image as it is, among those of this machine. */
async function keep(
  name: string,
  access: InspectOptions,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result<InspectedImage>> {
  const { openReference, inspectIn, readContent } = await import("../../oci/index.ts");
  const opened = openReference(name, access.keychain, access);
  if (!opened.ok) return opened;
  const { reference, repository } = opened.value;
  const found = await inspectIn(repository, reference, access);
  if (!found.ok) return found;
  if (reference.kind !== "registry") return usage(`${name} is on this machine already; --file writes its module into a file`);
  const content = await readContent(repository, found.value.manifest, access.signal, found.value);
  if (!content.ok) return content;
  const kept = await (await openLocal(env)).put(reference, content.value);
  return kept.ok ? found : kept;
}
