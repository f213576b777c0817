import { digestOf } from "../../model/digest.ts";
import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { outputFlag } from "../fleet/flags.ts";
import { findModule, registryFlags, remoteFlag } from "../modules.ts";
import { printJson } from "../output.ts";
import { renderModule } from "../render/module.ts";

export const inspect = defineCommand({
  name: "inspect",
  summary: "Show a module or an image: digests, ABI, imports, whether Envoy can load it",
  about: `Reads the module without running it; \`weir verify\` runs it. It is compiled as Envoy compiles it, to tell what each proxy will spend on loading it. For an image it shows each digest: index, manifest (what spec.digest takes and
    status.digest shows), layer, and module (what Envoy runs).`,
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
    const { createExaminer } = await import("../../preflight/index.ts");
    const inspected = await createExaminer().inspect(bytes, true);
    if (!inspected.ok) return { ok: false, error: { ...inspected.error, message: `${args.target}: ${inspected.error.message}` } };
    const { facts, loadMs } = inspected.value;
    const wasmDigest = digestOf(bytes);
    if (flags.output === "json") {
      const { bytes: _, ...shown } = image ?? { bytes };
      printJson({ ...(image === undefined ? { file: args.target } : { image: shown }), wasmDigest, ...facts, loadMs }, terminal);
    } else {
      terminal.out(renderModule({ name: image?.reference ?? args.target, wasmDigest, image, facts, loadMs }));
    }
    return ok(undefined);
  },
});
