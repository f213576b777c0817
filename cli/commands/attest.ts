import { defineCommand } from "../args/command.ts";
import { usage } from "../args/usage.ts";
import { outputFlag } from "../fleet/flags.ts";
import { registryFlags } from "../modules.ts";
import { predicateType, privateKeyFlag, readPredicate, signedArgument } from "../signing.ts";
import { signAs } from "./sign.ts";

export const attest = defineCommand({
  name: "attest",
  summary: "Sign a statement about an image: where it was built, what is in it",
  about: `Signs an in-toto statement with the predicate of a file, and stores it beside the image as \`cosign attest\` does. A filter demands it with an attestation in spec.verify.`,
  args: signedArgument,
  flags: {
    predicate: { type: "string", value: "FILE", completes: "file", help: "the predicate: a SLSA provenance, an SBOM, any JSON" },
    type: { type: "string", value: "TYPE", help: "its type: a URI, or slsaprovenance1, spdxjson, cyclonedx and so on, as cosign has them" },
    ...privateKeyFlag,
    ...registryFlags,
    ...outputFlag,
  },
  examples: [
    {
      does: "an SBOM",
      command: "weir attest registry.example/filters/add-header:1.2 --predicate sbom.spdx.json --type spdxjson --key cosign.key",
    },
  ],
  async run({ flags, args }, terminal) {
    if (flags.predicate === undefined) return usage("--predicate is missing: the file to sign");
    if (flags.type === undefined) return usage("--type is missing: what the predicate is");
    const type = predicateType(flags.type, "--type");
    if (!type.ok) return type;
    const body = await readPredicate(flags.predicate);
    if (!body.ok) return body;
    return signAs(args.reference, { type: type.value, body: body.value }, flags, terminal);
  },
});
