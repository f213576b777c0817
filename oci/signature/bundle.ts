import { createHash } from "node:crypto";
import { type Bundle, bundleFromJSON } from "@sigstore/bundle";
import { isRecord } from "../../base/json.ts";
import { parseDocument } from "./document.ts";
import type { Envelope, FoundSignature } from "./found.ts";

/** Of one bundle, of each kind. An honest one has one or two. */
const MAX_WITNESSES = 16;
/** Characters of a log's signed checkpoint. An honest one has some hundred, and as many more for each other who signed it. */
const MAX_CHECKPOINT = 8_192;
/** Bytes of a timestamp; an honest one has some thousand. */
const MAX_TIMESTAMP = 65_536;

/** A sigstore bundle; `undefined`: it is none that can be read, or it signs no statement. https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto */
export function readBundle(bytes: Uint8Array, place: string): FoundSignature | undefined {
  const bundle = parseBundle(() => parseDocument(textOf(bytes)));
  if (bundle?.content.$case !== "dsseEnvelope") return undefined;
  const { content } = bundle.verificationMaterial;
  return {
    place,
    content: envelopeOf(bundle.content.dsseEnvelope),
    bundle,
    hasCertificate: content.$case !== "publicKey",
    keyHint: content.$case === "publicKey" ? content.publicKey.hint : undefined,
  };
}

/** A DSSE envelope as JSON, with the annotations that its layer has. */
export function readEnvelope(bytes: Uint8Array, annotations: Annotations, place: string): FoundSignature | undefined {
  const envelope = jsonOf(bytes);
  if (!isRecord(envelope) || !Array.isArray(envelope.signatures) || envelope.signatures.length > MAX_WITNESSES) return undefined;
  const { payloadType, payload, signatures } = envelope;
  const texts = signatures.map((each) => (isRecord(each) && typeof each.sig === "string" ? each.sig : ""));
  if (typeof payloadType !== "string" || typeof payload !== "string") return undefined;
  const content: Envelope = {
    kind: "envelope",
    payloadType,
    payload: Buffer.from(payload, "base64"),
    signatures: texts.map((each) => Buffer.from(each, "base64")),
  };
  const material = materialOf(annotations);
  const dsseEnvelope = { payloadType, payload, signatures: [{ sig: texts[0] ?? "", keyid: "" }] };
  return { place, content, ...withBundle(material, { dsseEnvelope }) };
}

/** A simple-signing payload, with the annotations that its layer has. */
export function readSimpleSigning(payload: Uint8Array, annotations: Annotations, place: string): FoundSignature | undefined {
  const signature = annotations["dev.cosignproject.cosign/signature"];
  if (signature === undefined) return undefined;
  const content = { kind: "simpleSigning" as const, payload: Buffer.from(payload), signature: Buffer.from(signature, "base64") };
  const messageDigest = { algorithm: "SHA2_256", digest: createHash("sha256").update(content.payload).digest("base64") };
  return { place, content, ...withBundle(materialOf(annotations), { messageSignature: { messageDigest, signature } }) };
}

type Annotations = Readonly<Record<string, string>>;

/** What cosign's annotations say beside the signature, as a bundle has it; `undefined`: there is no certificate. */
function materialOf(annotations: Annotations): object | undefined {
  const certificate = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(
    annotations["dev.sigstore.cosign/certificate"] ?? "",
  )?.[1];
  if (certificate === undefined) return undefined;
  const entry = logEntryOf(jsonOf(annotations["dev.sigstore.cosign/bundle"]));
  const stamped = jsonOf(annotations["dev.sigstore.cosign/rfc3161timestamp"]);
  const signedTimestamp = isRecord(stamped) ? stamped.SignedRFC3161Timestamp : undefined;
  return {
    x509CertificateChain: { certificates: [{ rawBytes: certificate.replace(/\s/g, "") }] },
    tlogEntries: entry === undefined ? [] : [entry],
    ...(typeof signedTimestamp === "string" && { timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp }] } }),
  };
}

/** Rekor's answer as cosign keeps it -> the entry of a bundle. https://github.com/sigstore/cosign/blob/main/pkg/cosign/bundle/rekor.go */
function logEntryOf(kept: unknown): object | undefined {
  const payload = isRecord(kept) ? kept.Payload : undefined;
  if (!isRecord(kept) || !isRecord(payload) || typeof payload.body !== "string" || typeof payload.logID !== "string") return undefined;
  const body = jsonOf(Buffer.from(payload.body, "base64"));
  if (!isRecord(body)) return undefined;
  return {
    logIndex: String(payload.logIndex),
    logId: { keyId: Buffer.from(payload.logID, "hex").toString("base64") },
    kindVersion: { kind: body.kind, version: body.apiVersion },
    integratedTime: String(payload.integratedTime),
    inclusionPromise: { signedEntryTimestamp: kept.SignedEntryTimestamp },
    canonicalizedBody: payload.body,
  };
}

function withBundle(material: object | undefined, content: object): Pick<FoundSignature, "bundle" | "hasCertificate" | "keyHint"> {
  if (material === undefined) return { bundle: undefined, hasCertificate: false, keyHint: undefined };
  const json = { mediaType: "application/vnd.dev.sigstore.bundle+json;version=0.1", verificationMaterial: material, ...content };
  return { bundle: parseBundle(() => json), hasCertificate: true, keyHint: undefined };
}

function parseBundle(read: () => unknown): Bundle | undefined {
  try {
    const bundle = bundleFromJSON(read());
    return isBounded(bundle) ? bundle : undefined;
  } catch {
    return undefined;
  }
}

/** Whoever verifies tries each signature of a checkpoint, and parses whole timestamps. Throws where a log entry is none. */
function isBounded({ verificationMaterial: { tlogEntries, timestampVerificationData } }: Bundle): boolean {
  const stamps = timestampVerificationData?.rfc3161Timestamps ?? [];
  if (tlogEntries.length > MAX_WITNESSES || stamps.length > MAX_WITNESSES) return false;
  if (tlogEntries.some(({ inclusionProof }) => (inclusionProof?.checkpoint?.envelope.length ?? 0) > MAX_CHECKPOINT)) return false;
  // They are parsed once more when they are looked up in their log.
  for (const { canonicalizedBody } of tlogEntries) parseDocument(textOf(canonicalizedBody));
  return stamps.every(({ signedTimestamp }) => signedTimestamp.byteLength <= MAX_TIMESTAMP);
}

function envelopeOf({
  payloadType,
  payload,
  signatures,
}: {
  payloadType: string;
  payload: Buffer;
  signatures: { sig: Buffer }[];
}): Envelope {
  return { kind: "envelope", payloadType, payload, signatures: signatures.map(({ sig }) => sig) };
}

function jsonOf(text: Uint8Array | string | undefined): unknown {
  try {
    return text === undefined ? undefined : parseDocument(typeof text === "string" ? text : textOf(text));
  } catch {
    return undefined;
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
