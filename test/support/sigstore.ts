import { createHash, generateKeyPairSync, type KeyObject, sign, X509Certificate } from "node:crypto";
import { dsse } from "@sigstore/core";
import { initializeCA, initializeCTLog, initializeTLog, initializeTSA } from "@sigstore/mock";
import type { Digest } from "../../model/digest.ts";

/** Who signs, and what. */
export interface Signing {
  readonly identity: string;
  readonly issuer: string;
  readonly digest: Digest;
  /** Default: that the image is signed. */
  readonly predicateType?: string;
  readonly predicate?: unknown;
}

/** A sigstore of one test, with keys of its own: an authority as Fulcio is, its log of certificates, and a log as Rekor is. */
export interface Sigstore {
  /** `trusted_root.json`. */
  readonly trustRoot: string;
  /** A bundle of version 0.3, as JSON. */
  bundle(signing: Signing): Promise<string>;
  /** As cosign 2 kept it: a payload, and the annotations of its layer. */
  simpleSigning(signing: Signing): Promise<Kept>;
  /** As cosign 2 kept a statement: an envelope, and the annotations of its layer. `entry`: the kind of entry that its log has. */
  attestation(signing: Signing, entry?: EntryKind): Promise<Kept>;
}

interface Kept {
  readonly payload: Buffer;
  readonly annotations: Readonly<Record<string, string>>;
}

type EntryKind = "dsse 0.0.1" | "intoto 0.0.2" | "intoto 0.0.1";

/** As Rekor answers. */
interface LogEntry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logID: string;
  readonly logIndex: number;
  readonly verification?: {
    readonly signedEntryTimestamp?: string;
    readonly inclusionProof?: {
      readonly logIndex: number;
      readonly treeSize: number;
      readonly rootHash: string;
      readonly checkpoint: string;
    };
  };
}

interface SigstoreOptions {
  /** How long after its certificate was issued a signature is logged and stamped, in milliseconds; certificates last 10 minutes. */
  readonly logsAfterMs?: number;
  /** The part of a second at which it is stamped, in milliseconds; absent: none. */
  readonly stampMs?: number;
  /** False: nothing is logged. */
  readonly logs?: boolean;
  /** True: a timestamp authority (RFC 3161), which the trust root names, says when it was signed. */
  readonly stamps?: boolean;
}

const REKOR = "https://rekor.example";
const ISSUER_OID = "1.3.6.1.4.1.57264.1.8";
const BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";

export async function createSigstore(options: SigstoreOptions = {}): Promise<Sigstore> {
  const { logsAfterMs = 60_000, stampMs = 0, logs = true, stamps = false } = options;
  // After the root of the authority, which is valid from now on.
  const issuedAt = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 60_000);
  const [caKeys, ctKeys, logKeys] = [pair(), pair(), pair()];
  const ctLog = await initializeCTLog(ctKeys, issuedAt);
  const ca = await initializeCA(caKeys, ctLog, issuedAt);
  const signedAt = new Date(issuedAt.getTime() + logsAfterMs);
  const log = await initializeTLog(REKOR, logKeys, signedAt);
  const authority = stamps ? await createTimestampAuthority(new Date(signedAt.getTime() + stampMs)) : undefined;

  async function certify({ identity, issuer }: Signing) {
    const keys = pair();
    const publicKey = keys.publicKey.export({ format: "der", type: "spki" });
    const extensions = [{ oid: ISSUER_OID, value: issuer }];
    const raw = Buffer.from((await ca.issueCertificate({ publicKey, subjectAltName: identity, extensions })) as Uint8Array);
    return { key: keys.privateKey, raw, pem: new X509Certificate(raw).toString() };
  }

  async function logged(entry: object): Promise<LogEntry> {
    const [found] = Object.values(await log.log(entry)) as LogEntry[];
    if (found === undefined) throw new Error("the log made no entry");
    return found;
  }

  /** What cosign 2 kept in annotations beside a signature. */
  async function annotationsOf(signature: string, pem: string, entry: LogEntry): Promise<Readonly<Record<string, string>>> {
    const { body, integratedTime, logIndex, logID } = entry;
    const kept = { SignedEntryTimestamp: entry.verification?.signedEntryTimestamp, Payload: { body, integratedTime, logIndex, logID } };
    const stamp = await authority?.stamp(signature);
    return {
      "dev.sigstore.cosign/certificate": pem,
      ...(logs ? { "dev.sigstore.cosign/bundle": JSON.stringify(kept) } : {}),
      ...(stamp === undefined ? {} : { "dev.sigstore.cosign/rfc3161timestamp": JSON.stringify({ SignedRFC3161Timestamp: stamp }) }),
    };
  }

  return {
    trustRoot: JSON.stringify({
      ...trustRootOf(Buffer.from(ca.rootCertificate as Uint8Array), ctLog.publicKey, log.publicKey),
      timestampAuthorities: authority === undefined ? [] : [authority.entry],
    }),
    async bundle(signing) {
      const { key, raw, pem } = await certify(signing);
      const { envelope, sig, entryOf } = enveloped(signing, key, pem);
      const signedTimestamp = await authority?.stamp(sig);
      const entries = logs ? [bundled(await logged(entryOf("dsse 0.0.1")))] : [];
      const stamped = signedTimestamp === undefined ? {} : { timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp }] } };
      return JSON.stringify({
        mediaType: BUNDLE_TYPE,
        verificationMaterial: { certificate: { rawBytes: raw.toString("base64") }, tlogEntries: entries, ...stamped },
        dsseEnvelope: envelope,
      });
    },
    async attestation(signing, kind = "dsse 0.0.1") {
      const { key, pem } = await certify(signing);
      const { envelope, sig, entryOf } = enveloped(signing, key, pem);
      return { payload: Buffer.from(JSON.stringify(envelope)), annotations: await annotationsOf(sig, pem, await logged(entryOf(kind))) };
    },
    async simpleSigning(signing) {
      const { key, pem } = await certify(signing);
      const image = { "docker-manifest-digest": signing.digest };
      const critical = { identity: { "docker-reference": "" }, image, type: "cosign container image signature" };
      const payload = Buffer.from(JSON.stringify({ critical, optional: null }));
      const signature = sign("sha256", payload, key).toString("base64");
      const spec = { data: { hash: sha256(payload) }, signature: { content: signature, publicKey: { content: base64(pem) } } };
      const entry = await logged({ apiVersion: "0.0.1", kind: "hashedrekord", spec });
      return { payload, annotations: { ...(await annotationsOf(signature, pem, entry)), "dev.cosignproject.cosign/signature": signature } };
    },
  };
}

/** A statement in its envelope, and what a log is given of it. */
function enveloped(signing: Signing, key: KeyObject, pem: string) {
  const payload = statement(signing);
  const payloadType = "application/vnd.in-toto+json";
  const sig = sign("sha256", dsse.preAuthEncoding(payloadType, payload), key).toString("base64");
  const envelope = { payloadType, payload: payload.toString("base64"), signatures: [{ sig }] };
  const hashes = { envelopeHash: sha256(JSON.stringify(envelope)), payloadHash: sha256(payload) };
  const entryOf = (kind: EntryKind): object => {
    const [name, apiVersion] = kind.split(" ");
    if (name === "dsse") return { apiVersion, kind: name, spec: { ...hashes, signatures: [{ signature: sig, verifier: base64(pem) }] } };
    const signatures = [{ sig: base64(sig), publicKey: base64(pem) }];
    const content = { envelope: { payloadType, signatures }, hash: hashes.envelopeHash, payloadHash: hashes.payloadHash };
    return { apiVersion, kind: name, spec: { content } };
  };
  return { envelope, sig, entryOf };
}

/** A timestamp authority whose clock stands still. The library's own has one key for its root and what signs, which is no chain; so another authority certifies it. */
async function createTimestampAuthority(now: Date) {
  const keys = pair();
  const [tsa, ca] = await Promise.all([
    initializeTSA(keys, now),
    initializeCA(pair(), undefined as never, new Date(now.getTime() - 60_000)),
  ]);
  const publicKey = keys.publicKey.export({ format: "der", type: "spki" });
  const issued = await ca.issueCertificate({ publicKey, subjectAltName: "https://tsa.example", extensions: [] });
  const leaf = Buffer.from(issued as Uint8Array);
  const own = tsa as unknown as { intCert: { constructor: { fromBER(raw: Buffer): never } } };
  own.intCert = own.intCert.constructor.fromBER(leaf);
  const rawBytes = (raw: Uint8Array) => ({ rawBytes: Buffer.from(raw).toString("base64") });
  return {
    entry: {
      subject: { organization: "sigstore.mock", commonName: "tsa" },
      uri: "https://tsa.example",
      certChain: { certificates: [rawBytes(leaf), rawBytes(ca.rootCertificate as Uint8Array)] },
      validFor: { start: "2020-01-01T00:00:00Z" },
    },
    /** In base64; of a signature in base64. */
    async stamp(signature: string): Promise<string> {
      const artifactHash = createHash("sha256").update(Buffer.from(signature, "base64")).digest();
      const request = {
        artifactHash,
        hashAlgorithmOID: "2.16.840.1.101.3.4.2.1",
        policyOID: "1.3.6.1.4.1.57264.2",
        nonce: 1,
        certReq: true,
      };
      return Buffer.from((await tsa.timestamp(request)) as Uint8Array).toString("base64");
    },
  };
}

/** An entry as a bundle has it. */
function bundled({ body, integratedTime, logID, logIndex, verification: { inclusionProof, signedEntryTimestamp } = {} }: LogEntry): object {
  return {
    logIndex: String(logIndex),
    logId: { keyId: Buffer.from(logID, "hex").toString("base64") },
    kindVersion: { kind: "dsse", version: "0.0.1" },
    integratedTime: String(integratedTime),
    inclusionPromise: { signedEntryTimestamp },
    inclusionProof: {
      logIndex: String(inclusionProof?.logIndex),
      treeSize: String(inclusionProof?.treeSize),
      rootHash: Buffer.from(inclusionProof?.rootHash ?? "", "hex").toString("base64"),
      hashes: [],
      checkpoint: { envelope: inclusionProof?.checkpoint },
    },
    canonicalizedBody: body,
  };
}

function pair(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "prime256v1" });
}

function statement({ digest, predicateType = "https://sigstore.dev/cosign/sign/v1", predicate = {} }: Signing): Buffer {
  const subject = [{ digest: { sha256: digest.slice("sha256:".length) } }];
  return Buffer.from(JSON.stringify({ _type: "https://in-toto.io/Statement/v1", subject, predicateType, predicate }));
}

function trustRootOf(root: Buffer, ctKey: Buffer, logKey: Buffer): object {
  const start = "2020-01-01T00:00:00Z";
  const logOf = (baseUrl: string, key: Buffer) => ({
    baseUrl,
    hashAlgorithm: "SHA2_256",
    publicKey: { rawBytes: key.toString("base64"), keyDetails: "PKIX_ECDSA_P256_SHA_256", validFor: { start } },
    logId: { keyId: createHash("sha256").update(key).digest("base64") },
  });
  return {
    mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    certificateAuthorities: [
      {
        subject: { organization: "sigstore.mock", commonName: "sigstore" },
        uri: "https://fulcio.example",
        certChain: { certificates: [{ rawBytes: root.toString("base64") }] },
        validFor: { start },
      },
    ],
    tlogs: [logOf(REKOR, logKey)],
    ctlogs: [logOf("https://ctfe.example", ctKey)],
    timestampAuthorities: [],
  };
}

function sha256(bytes: string | Buffer): { readonly algorithm: "sha256"; readonly value: string } {
  return { algorithm: "sha256", value: createHash("sha256").update(bytes).digest("hex") };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
