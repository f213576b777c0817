import { ok, type Result } from "../../model/result.ts";
import type { Predicate, Signed } from "../../oci/index.ts";
import { defineCommand } from "../args/command.ts";
import type { FlagValues } from "../args/syntax.ts";
import { outputFlag } from "../fleet/flags.ts";
import { registryAccess, registryFlags } from "../modules.ts";
import { printJson } from "../output.ts";
import { privateKeyFlag, readSigningKey, signedArgument } from "../signing.ts";
import type { Terminal } from "../terminal.ts";

export const sign = defineCommand({
  name: "sign",
  summary: "Sign an image with a key, beside it in its repository",
  about: `Stores a sigstore bundle as cosign 3 does, which \`cosign verify --key\` takes, and so does spec.verify of a filter. Nothing is written to a transparency log. The key is
    one that \`cosign generate-key-pair\` made, or any PEM of ECDSA, RSA or Ed25519; keys in a KMS, and identities without a key, are cosign's business: what it signs, Weir verifies.
    The signature of an image of this machine (local:NAME) goes along when the image is pushed or copied.`,
  args: signedArgument,
  flags: { ...privateKeyFlag, ...registryFlags, ...outputFlag },
  examples: [{ does: "with cosign's key", command: "weir sign registry.example/filters/add-header:1.2 --key cosign.key" }],
  run: ({ flags, args }, terminal) => signAs(args.reference, undefined, flags, terminal),
});

type SigningFlags = FlagValues<typeof privateKeyFlag & typeof registryFlags & typeof outputFlag>;

/** Signs the image, or with a predicate a statement about it. */
export async function signAs(
  reference: string,
  predicate: Predicate | undefined,
  flags: SigningFlags,
  terminal: Terminal,
): Promise<Result<void>> {
  const key = await readSigningKey(flags.key, terminal);
  if (!key.ok) return key;
  const access = await registryAccess(reference, flags, terminal.env);
  if (!access.ok) return access;
  const { signImage } = await import("../../oci/index.ts");
  const created = new Date(terminal.now()).toISOString();
  const signed = await signImage(reference, predicate, { ...access.value, key: key.value, created });
  if (!signed.ok) return signed;
  if (flags.output === "json") printJson(signed.value, terminal);
  else terminal.out(signed.value.map((each) => shown(each, key.value.id, predicate)).join(""));
  return ok(undefined);
}

function shown({ reference, signature }: Signed, id: string, predicate: Predicate | undefined): string {
  const what = predicate === undefined ? "signed" : `attested ${predicate.type} of`;
  return `${what} ${reference}\n  key        ${id}\n  signature  ${signature}\n`;
}
