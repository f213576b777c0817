import { dsse } from "@sigstore/core";
import type { Digest } from "../../model/digest.ts";
import type { Keychain } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { findImage } from "../image/image.ts";
import { type OciOptions, openReference } from "../open.ts";
import { formatReference, wantedOf } from "../repository/reference.ts";
import { attach } from "../repository/referrers.ts";
import type { Repository } from "../repository/repository.ts";
import { BUNDLE_TYPE } from "./find.ts";
import type { PrivateKey } from "./private-key.ts";
import { ENVELOPE_TYPE, SIGN_PREDICATE, STATEMENT_TYPE } from "./statement.ts";

export interface SignOptions extends OciOptions {
  readonly keychain: Keychain;
  readonly key: PrivateKey;
  /** RFC 3339: when it is signed, for the manifest of the signature. */
  readonly created: string;
  readonly signal?: AbortSignal;
}

/** What is said of an image; of a signature alone: nothing. */
export interface Predicate {
  readonly type: string;
  readonly body: unknown;
}

export interface Signed {
  /** The image in full, with its digest. */
  readonly reference: string;
  readonly digest: Digest;
  /** Of the manifest that holds the signature. */
  readonly signature: Digest;
}

/**
 * Signs an image, or with a predicate a statement about it, and stores that beside the image as cosign 3 does: a sigstore bundle in a manifest that refers to
 * the image. Of an index its own digest is signed, and that of the manifest in it with the module, which is what Weir runs.
 */
export async function signImage(image: string, predicate: Predicate | undefined, options: SignOptions): Promise<Result<readonly Signed[]>> {
  const opened = openReference(image, options.keychain, options);
  if (!opened.ok) return opened;
  const { reference, repository } = opened.value;
  const found = await findImage(repository, wantedOf(reference), options.signal);
  if (!found.ok) return found;
  const { index, manifest } = found.value;
  const signed: Signed[] = [];
  for (const digest of [...(index === undefined ? [] : [index.digest]), manifest.digest]) {
    const stored = await store(
      repository,
      digest,
      statementOf(repository.name, digest, predicate),
      predicate?.type ?? SIGN_PREDICATE,
      options,
    );
    if (!stored.ok) return stored;
    signed.push({ reference: formatReference({ ...reference, digest }), digest, signature: stored.value });
  }
  return ok(signed);
}

/** https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md */
function statementOf(name: string, digest: Digest, predicate: Predicate | undefined): Buffer {
  const subject = [{ name, digest: { sha256: digest.slice("sha256:".length) } }];
  const says =
    predicate === undefined
      ? { predicateType: SIGN_PREDICATE, predicate: {} }
      : { predicateType: predicate.type, predicate: predicate.body };
  return Buffer.from(JSON.stringify({ _type: STATEMENT_TYPE, subject, ...says }));
}

async function store(
  repository: Repository,
  subject: Digest,
  payload: Buffer,
  predicateType: string,
  { key, created, signal }: SignOptions,
): Promise<Result<Digest>> {
  const bundle = new TextEncoder().encode(
    JSON.stringify({
      mediaType: BUNDLE_TYPE,
      verificationMaterial: { publicKey: { hint: key.hint } },
      dsseEnvelope: {
        payload: payload.toString("base64"),
        payloadType: ENVELOPE_TYPE,
        signatures: [{ sig: key.sign(dsse.preAuthEncoding(ENVELOPE_TYPE, payload)).toString("base64") }],
      },
    }),
  );
  const subjectOf = await repository.manifest(subject, signal);
  if (!subjectOf.ok) return subjectOf;
  if (subjectOf.value.mediaType === "")
    return fail("InvalidManifest", `the registry of ${repository.name} does not say what ${subject} is; push the image again`);
  const annotations = {
    "dev.sigstore.bundle.content": "dsse-envelope",
    "dev.sigstore.bundle.predicateType": predicateType,
    "org.opencontainers.image.created": created,
  };
  return attach(repository, subjectOf.value, { mediaType: BUNDLE_TYPE, bytes: bundle, annotations }, signal);
}
