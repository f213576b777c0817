import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { outputFlag } from "../fleet/flags.ts";
import { readModule, registryAccess, registryFlags } from "../modules.ts";
import { printJson } from "../output.ts";

export const push = defineCommand({
  name: "push",
  summary: "Put a module into a registry, or into an OCI image layout folder",
  about: `Writes the CNCF Wasm artifact format, which every OCI registry takes. The same file always gets the same digest. Credentials are those of \`docker login\`
    (~/.docker/config.json). A file that Envoy cannot load is refused; --force pushes it anyway.`,
  args: {
    file: { value: "FILE", completes: "file", help: "the .wasm file" },
    reference: { value: "REF", help: "registry/repository:tag, or oci-layout:DIR:TAG" },
  },
  flags: { force: { type: "boolean", help: "push even what Envoy cannot load" }, ...registryFlags, ...outputFlag },
  examples: [
    { does: "to a registry", command: "weir push add-header.wasm registry.example/filters/add-header:1.2" },
    { does: "to a folder: no registry needed", command: "weir push add-header.wasm oci-layout:./images:1.2" },
  ],
  async run({ flags, args }, terminal) {
    const module = await readModule(args.file);
    if (!module.ok) return module;
    const [{ pushModule }, { createExaminer }] = await Promise.all([import("../../oci/index.ts"), import("../../preflight/index.ts")]);
    const inspected = await createExaminer().inspect(module.value);
    const problem = inspected.ok ? inspected.value.facts.problem : inspected.error;
    if (problem !== undefined && !flags.force) {
      return {
        ok: false,
        error: { ...problem, message: `${args.file}: ${problem.message}; nothing was pushed: --force pushes it anyway` },
      };
    }
    const access = await registryAccess(args.reference, flags, terminal.env);
    if (!access.ok) return access;
    const pushed = await pushModule(args.reference, module.value, access.value);
    if (!pushed.ok) return pushed;
    const { reference, digest, wasmDigest, size } = pushed.value;
    if (flags.output === "json") printJson(pushed.value, terminal);
    else terminal.out(`pushed ${reference}\n  digest  ${digest}\n  module  ${wasmDigest} (${size} bytes)\n`);
    return ok(undefined);
  },
});
