import type { ImageReferrer } from "../../model/catalog.ts";
import { digestOf } from "../../model/digest.ts";
import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { outputFlag } from "../fleet/flags.ts";
import { type FoundModule, findModule, registryFlags, remoteFlag } from "../modules.ts";
import { printJson, printNote } from "../output.ts";
import type { Terminal } from "../terminal.ts";

export const inspect = defineCommand({
  name: "inspect",
  summary: "Show a module or an image: digests, ABI, imports, whether Envoy can load it",
  about: `Reads the module without running it; \`weir verify\` runs it. It is compiled as Envoy compiles it, to tell what each proxy will spend on loading it. For an image it shows each digest: index, manifest (what spec.digest takes and
    status.digest shows), layer, and module (what Envoy runs),
    with what the image says about itself and what refers to it: signatures, bills of materials. Sizes are those of the module's sections; \`weir build\` leaves out what no proxy reads.`,
  args: { target: { value: "FILE|REF", completes: "file", help: "a .wasm file, or an image reference" } },
  flags: { ...remoteFlag, ...registryFlags, ...outputFlag },
  examples: [
    { does: "a file", command: "weir inspect add-header.wasm" },
    { does: "an image", command: "weir inspect registry.example/filters/add-header:1.2" },
  ],
  async run({ flags, args }, terminal) {
    const found = await findModule(args.target, flags, terminal);
    if (!found.ok) return found;
    const { bytes, image } = found.value;
    const { createExaminer, sectionSizes } = await import("../../preflight/index.ts");
    const inspected = await createExaminer().inspect(bytes, true);
    if (!inspected.ok) return { ok: false, error: { ...inspected.error, message: `${args.target}: ${inspected.error.message}` } };
    const { facts, loadMs } = inspected.value;
    const wasmDigest = digestOf(bytes);
    const sizes = sectionSizes(bytes);
    const referrers = await referring(found.value, terminal);
    if (flags.output === "json") {
      const { bytes: _, ...shown } = image ?? { bytes };
      printJson(
        {
          ...(image === undefined ? { file: args.target } : { image: shown }),
          wasmDigest,
          ...facts,
          loadMs,
          ...(sizes.ok ? sizes.value : {}),
          referrers,
        },
        terminal,
      );
    } else {
      const { renderModule } = await import("../render/module.ts");
      terminal.out(
        renderModule({
          name: image?.reference ?? args.target,
          wasmDigest,
          image,
          facts,
          loadMs,
          sizes: sizes.ok ? sizes.value : undefined,
          referrers,
        }),
      );
    }
    return ok(undefined);
  },
});

/** What refers to an image, where it was read. */
async function referring({ image, access, reference }: FoundModule, terminal: Terminal): Promise<readonly ImageReferrer[]> {
  if (image === undefined || access === undefined || reference === undefined) return [];
  const { referrersOf } = await import("../../oci/index.ts");
  const listed = await referrersOf(reference, image.manifest.digest, access);
  if (listed.ok) return listed.value;
  printNote(`what refers to the image is not known: ${listed.error.message}`, terminal);
  return [];
}
