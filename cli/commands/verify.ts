import { fail, ok, type Result } from "../../model/result.ts";
import { everyVerdict, type VerifyRequirement } from "../../model/verify.ts";
import { defineCommand } from "../args/command.ts";
import { readDuration } from "../args/duration.ts";
import { outputFlag } from "../fleet/flags.ts";
import { type FoundModule, findModule, maxModuleLoadFlag, registryFlags, remoteFlag } from "../modules.ts";
import { printJson } from "../output.ts";
import { renderVerdict } from "../render/verdict.ts";
import { demandFlags, readDemand } from "../signing.ts";
import { verifiedFilter } from "../verify-spec.ts";

export const verify = defineCommand({
  name: "verify",
  summary: "Prove on this machine that a module loads, as the server does, and who signed it",
  about: `With --key, or with --identity and --issuer, an image must first have the signature that they demand, as spec.verify of a filter does. Then it runs the server's preflight on V8, the engine that runs filters in Envoy. Pass the filter's configuration too: a module that rejects its configuration
    does not load. With --file all that a proof depends on is read from the filter's manifest; flags win over it. Exit status 1 means that the server would refuse
    the module; the message says why.`,
  args: { target: { value: "FILE|REF", completes: "file", help: "a .wasm file, or an image reference" } },
  flags: {
    file: { type: "string", short: "f", value: "MANIFEST", completes: "file", help: "a manifest with the filter, or - for stdin" },
    config: { type: "string", short: "c", value: "TEXT|@FILE", help: "the plugin's configuration, as text or from a file" },
    "root-id": { type: "string", value: "ID", help: "root context, for modules that register several" },
    env: { type: "string", multiple: true, value: "NAME=VALUE", help: "an environment variable that the module sees" },
    type: { type: "string", help: "what kind of filter it is; HTTP if nothing says so", choices: ["HTTP", "Network"] },
    requests: {
      type: "string",
      value: "FILE",
      completes: "file",
      help: "a list of requests as in spec.preflight.requests, in place of the synthetic ones",
    },
    traffic: { type: "string", help: "whether what fails requests is refused, or told", choices: ["Enforce", "Report"] },
    "allow-on-headers-stop-iteration": { type: "boolean", help: "the filter may hold headers while it reads the body" },
    "max-module-load": maxModuleLoadFlag,
    ...demandFlags,
    ...remoteFlag,
    ...registryFlags,
    ...outputFlag,
  },
  examples: [
    { does: "with its configuration", command: `weir verify add-header.wasm --config '{"header":"x-weir"}'` },
    {
      does: "an image, with the configuration from a file",
      command: "weir verify registry.example/filters/add-header:1.2 --config @config.json",
    },
    { does: "that it is signed with a key", command: "weir verify registry.example/filters/add-header:1.2 --key cosign.pub" },
    { does: "as its manifest asks for", command: "weir verify add-header.wasm -f add-header.yaml" },
  ],
  async run({ flags, args }, terminal) {
    const filter = await verifiedFilter(flags, terminal);
    if (!filter.ok) return filter;
    const maxLoad = readDuration(flags["max-module-load"], "--max-module-load", "10m");
    if (!maxLoad.ok) return maxLoad;
    const demand = await readDemand(flags);
    if (!demand.ok) return demand;
    const found = await findModule(args.target, { ...flags, remote: flags.remote || demand.value !== undefined }, terminal);
    if (!found.ok) return found;
    const signed = demand.value === undefined ? ok(undefined) : await verifySigner(args.target, found.value, demand.value);
    if (!signed.ok) return signed;
    const { createPreflight } = await import("../../preflight/index.ts");
    const { settings, proof } = filter.value;
    const verdict = await createPreflight({ maxLoadMs: maxLoad.value }).validate(found.value.bytes, settings, { proof });
    const signedBy = signed.value === undefined ? {} : { signedBy: signed.value };
    if (flags.output === "json")
      printJson({ ...(verdict.ok ? { loads: true, ...verdict.value } : { loads: false, ...verdict.error }), ...signedBy }, terminal);
    if (!verdict.ok)
      return fail(verdict.error.reason, `${args.target} would be refused (${verdict.error.reason}): ${verdict.error.message}`);
    const by = signed.value === undefined ? "" : `signed by ${signed.value}\n`;
    if (flags.output !== "json") terminal.out(`${by}${renderVerdict(args.target, verdict.value)}`);
    return ok(undefined);
  },
});

/** Who made the signature that is demanded of an image. */
async function verifySigner(target: string, { image, access }: FoundModule, demand: VerifyRequirement): Promise<Result<string>> {
  if (image === undefined || access === undefined)
    return fail("SignatureNotFound", `${target} is a file, and signatures are of images: name one`);
  const { createVerifier } = await import("../../oci/index.ts");
  const { keychain } = access;
  const judged = await createVerifier(access).verify(target, image.manifest.digest, [demand], { keychain });
  const verdicts = judged.ok ? everyVerdict(judged.value) : judged;
  return verdicts.ok ? ok(verdicts.value[0]?.by ?? "") : verdicts;
}
