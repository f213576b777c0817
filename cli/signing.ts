import { fail, ok, type Result } from "../model/result.ts";
import type { AttestationDemand, TextMatch, VerifyRequirement } from "../model/verify.ts";
import type { PrivateKey } from "../oci/index.ts";
import type { Argument, Flag, FlagValues } from "./args/syntax.ts";
import { usage } from "./args/usage.ts";
import { readFile } from "./read-file.ts";
import type { Terminal } from "./terminal.ts";
import { readTrustRootFile, trustRootFlag } from "./trust-root.ts";

const MAX_KEY_BYTES = 64 << 10;
/** A predicate: an SBOM may be large. */
const MAX_PREDICATE_BYTES = 10 << 20;

/** The argument of what signs. */
export const signedArgument = {
  reference: {
    value: "REF",
    completes: "image",
    help: "registry/repository:tag, or with @sha256; oci-layout:DIR:TAG; or local:NAME for an image of this machine",
  },
} as const satisfies Record<string, Argument>;

/** The flag of what signs. */
export const privateKeyFlag = {
  key: {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "the private key: cosign.key, or a PEM; its password is $COSIGN_PASSWORD",
  },
} as const satisfies Record<string, Flag>;

/** The flags by which a command demands a signature. */
export const demandFlags = {
  key: { type: "string", value: "FILE", completes: "file", help: "the image must be signed with this public key (cosign.pub)" },
  identity: { type: "string", value: "TEXT", help: "the image must be signed by this identity: an email address or a URI" },
  "identity-regexp": { type: "string", value: "RE2", help: "the same, as a regular expression that covers it" },
  issuer: { type: "string", value: "URL", help: "the OpenID Connect issuer that vouched for the identity" },
  "issuer-regexp": { type: "string", value: "RE2", help: "the same, as a regular expression that covers it" },
  "trust-root": trustRootFlag,
  attestation: { type: "string", value: "TYPE", help: "demand a signed statement of this type rather than a signature of the image" },
  builder: { type: "string", value: "ID", help: "the builder that a SLSA provenance must name" },
  source: { type: "string", value: "URL", help: "the repository that a SLSA provenance must name" },
} as const satisfies Record<string, Flag>;

/** Short names of predicate types, as cosign has them. */
const PREDICATE_TYPES: Readonly<Record<string, string>> = {
  slsaprovenance: "https://slsa.dev/provenance/v0.2",
  slsaprovenance02: "https://slsa.dev/provenance/v0.2",
  slsaprovenance1: "https://slsa.dev/provenance/v1",
  spdx: "https://spdx.dev/Document",
  spdxjson: "https://spdx.dev/Document",
  cyclonedx: "https://cyclonedx.org/bom",
  openvex: "https://openvex.dev/ns",
  vuln: "https://cosign.sigstore.dev/attestation/vuln/v1",
};

/** A predicate's type from its short name or its URI. */
export function predicateType(name: string, flag: string): Result<string> {
  const known = Object.hasOwn(PREDICATE_TYPES, name) ? PREDICATE_TYPES[name] : undefined;
  if (known !== undefined) return ok(known);
  if (/^[a-z][a-z0-9+.-]*:\S+$/i.test(name)) return ok(name);
  return usage(`${flag} is a URI, or one of ${Object.keys(PREDICATE_TYPES).join(", ")}`);
}

/** The private key of a file, opened with the password of the environment, or with one that a person types. */
export async function readSigningKey(path: string | undefined, terminal: Terminal): Promise<Result<PrivateKey>> {
  if (path === undefined) return usage("--key is missing: the private key to sign with");
  const pem = await readTextFile(path, MAX_KEY_BYTES);
  if (!pem.ok) return pem;
  const { readPrivateKey } = await import("../oci/index.ts");
  const isSealed = /ENCRYPTED/.test(pem.value);
  const given = terminal.env.COSIGN_PASSWORD ?? (isSealed ? await terminal.ask(`Password of ${path}: `, { hidden: true }) : "");
  const key = await readPrivateKey(pem.value, given ?? "");
  return key.ok ? key : fail(key.error.reason, `${path}: ${key.error.message}`);
}

/** What the flags demand; `undefined`: nothing. */
export async function readDemand(flags: FlagValues<typeof demandFlags>): Promise<Result<VerifyRequirement | undefined>> {
  const { key, builder, source } = flags;
  const identity = matchOf(flags.identity, flags["identity-regexp"], "--identity");
  if (!identity.ok) return identity;
  const issuer = matchOf(flags.issuer, flags["issuer-regexp"], "--issuer");
  if (!issuer.ok) return issuer;
  const isDemanded = key !== undefined || identity.value !== undefined || issuer.value !== undefined;
  const attestation = attestationOf(flags.attestation, builder, source);
  if (!attestation.ok) return attestation;
  if (!isDemanded) return attestation.value === undefined ? ok(undefined) : usage("--attestation needs --key, or --identity and --issuer");
  if (key !== undefined) {
    if (identity.value !== undefined || issuer.value !== undefined) return usage("use either --key, or --identity and --issuer");
    const publicKey = await readTextFile(key, MAX_KEY_BYTES);
    return publicKey.ok
      ? ok({ origin: "--key", signer: { kind: "key", publicKey: publicKey.value }, attestation: attestation.value })
      : publicKey;
  }
  if (identity.value === undefined || issuer.value === undefined) return usage("--identity and --issuer belong together");
  const trustRoot = await readTrustRootFile(flags["trust-root"]);
  if (!trustRoot.ok) return trustRoot;
  if (trustRoot.value === undefined) return usage("--identity needs --trust-root: whom to trust about identities");
  const signer = { kind: "keyless" as const, issuer: issuer.value, identity: identity.value, trustRoot: trustRoot.value };
  return ok({ origin: "--identity", signer, attestation: attestation.value });
}

function matchOf(exact: string | undefined, regExp: string | undefined, flag: string): Result<TextMatch | undefined> {
  if (exact !== undefined && regExp !== undefined) return usage(`use either ${flag} or ${flag}-regexp`);
  if (exact !== undefined) return ok({ exact });
  return ok(regExp === undefined ? undefined : { regExp });
}

function attestationOf(
  type: string | undefined,
  builder: string | undefined,
  source: string | undefined,
): Result<AttestationDemand | undefined> {
  if (type === undefined)
    return (builder ?? source) ? usage("--builder and --source are about --attestation slsaprovenance1 (or 02)") : ok(undefined);
  const uri = predicateType(type, "--attestation");
  if (!uri.ok) return uri;
  return ok({ predicateType: uri.value, ...(builder === undefined ? {} : { builder }), ...(source === undefined ? {} : { source }) });
}

/** The JSON of a predicate. */
export async function readPredicate(path: string): Promise<Result<unknown>> {
  const text = await readTextFile(path, MAX_PREDICATE_BYTES);
  if (!text.ok) return text;
  try {
    return ok(JSON.parse(text.value));
  } catch {
    return fail("NotJson", `${path} is not JSON`);
  }
}

async function readTextFile(path: string, maxBytes: number): Promise<Result<string>> {
  const read = await readFile(path, { maxBytes, tooLarge: fail("TooLarge", `${path} has more than ${maxBytes} bytes`) });
  return read.ok ? ok(read.value.toString("utf8")) : read;
}
