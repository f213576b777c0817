import { writeFile } from "node:fs/promises";
import { fail, ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { registryAccess, registryFlags } from "../modules.ts";

export const pull = defineCommand({
  name: "pull",
  summary: "Fetch the module of an image into a file",
  about: "Takes every image format that Wasm modules come in, checks each digest, and writes the bare module.",
  args: { reference: { value: "REF", help: "registry/repository:tag, ...@sha256:..., or oci-layout:DIR:TAG" } },
  flags: {
    file: { type: "string", short: "f", value: "FILE", completes: "file", help: "where to write it; - is stdout", fallback: "plugin.wasm" },
    ...registryFlags,
  },
  examples: [{ does: "fetch by digest", command: "weir pull registry.example/filters/add-header@sha256:3f2a... -f add-header.wasm" }],
  async run({ flags, args }, terminal) {
    const access = await registryAccess(args.reference, flags, terminal.env);
    if (!access.ok) return access;
    const { inspectImage } = await import("../../oci/index.ts");
    const image = await inspectImage(args.reference, access.value);
    if (!image.ok) return image;
    const { bytes, manifest, module } = image.value;
    if (flags.file === "-") {
      terminal.out(bytes);
      return ok(undefined);
    }
    try {
      await writeFile(flags.file, bytes);
    } catch (error) {
      return fail("CannotWrite", `cannot write ${flags.file}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
    }
    terminal.out(`pulled ${flags.file} (${bytes.length} bytes)\n  digest  ${manifest.digest}\n  module  ${module.wasmDigest}\n`);
    return ok(undefined);
  },
});
