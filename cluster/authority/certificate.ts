import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from "@peculiar/asn1-x509";

/** A certificate and its private key, as PEM. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate is for: nobody can use one of a client as a server, nor the other way round. */
export type Purpose = "client" | "server";

export interface CertificateRequest {
  readonly purpose: Purpose;
  /** Its common name, for people; nothing is decided by it. */
  readonly name: string;
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly validMs: number;
  /** How long before `now` it begins. Default `SKEW_MS`. */
  readonly backdateMs?: number;
}

/** Clocks of other machines may be behind by as much. */
const SKEW_MS = 5 * 60_000;
const ECDSA_SHA256 = "1.2.840.10045.4.3.2";
const COMMON_NAME = "2.5.4.3";
/** The longest that RFC 5280 allows. */
const MAX_COMMON_NAME = 64;

/** An authority of its own: ECDSA on P-256, for end certificates alone. `now`: milliseconds since the epoch. https://www.rfc-editor.org/rfc/rfc5280 */
export function createAuthority(name: string, now: number, validMs: number): CertificateFiles {
  const { publicKey, privateKey } = newKeys();
  const keyId = keyIdOf(publicKey);
  const extensions = [
    extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: true, pathLenConstraint: 0 })),
    extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign)),
    extension(id_ce_subjectKeyIdentifier, false, new OctetString(keyId)),
  ];
  const subject = nameOf(name);
  return { cert: signed({ subject, issuer: subject, publicKey, extensions, now, validMs }, privateKey), key: pem(privateKey) };
}

/** Whether these are an authority's certificate and the key to it, of a kind that can sign here. Never throws. */
export function isAuthority({ cert, key }: CertificateFiles): boolean {
  try {
    const [certificate, privateKey] = [new X509Certificate(cert), createPrivateKey(key)];
    return certificate.ca && privateKey.asymmetricKeyType === "ec" && certificate.checkPrivateKey(privateKey);
  } catch {
    return false;
  }
}

/** A certificate of the authority, with a key of its own. It ends with the authority at the latest. */
export function issueCertificate(authority: CertificateFiles, request: CertificateRequest): CertificateFiles {
  const { publicKey, privateKey } = newKeys();
  return { cert: certify(authority, publicKey, request), key: pem(privateKey) };
}

/** A certificate of the authority, as PEM, for whoever has the private key to `publicKey`. It ends with the authority at the latest. */
export function certify(authority: CertificateFiles, publicKey: KeyObject, request: CertificateRequest): string {
  const { purpose, name, uris = [], dnsNames = [], ipAddresses = [], now, backdateMs } = request;
  const issuer = new X509Certificate(authority.cert);
  const names = [
    ...uris.map((uri) => new GeneralName({ uniformResourceIdentifier: uri })),
    ...dnsNames.map((dNSName) => new GeneralName({ dNSName })),
    ...ipAddresses.map((iPAddress) => new GeneralName({ iPAddress })),
  ];
  const extensions = [
    extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: false })),
    extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.digitalSignature)),
    extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage([purpose === "client" ? id_kp_clientAuth : id_kp_serverAuth])),
    extension(id_ce_subjectAltName, false, new SubjectAlternativeName(names)),
    extension(
      id_ce_authorityKeyIdentifier,
      false,
      new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(keyIdOf(issuer.publicKey)) }),
    ),
  ];
  const validMs = Math.min(request.validMs, issuer.validToDate.getTime() - now);
  const subject = nameOf(name.slice(0, MAX_COMMON_NAME));
  const parsed = AsnConvert.parse(issuer.raw, Certificate);
  return signed(
    {
      subject,
      issuer: parsed.tbsCertificate.subject,
      publicKey,
      extensions,
      now,
      validMs,
      ...(backdateMs === undefined ? {} : { backdateMs }),
    },
    createPrivateKey(authority.key),
  );
}

interface Body {
  readonly subject: Name;
  readonly issuer: Name;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Extension[];
  readonly now: number;
  readonly validMs: number;
  readonly backdateMs?: number;
}

function signed({ subject, issuer, publicKey, extensions, now, validMs, backdateMs = SKEW_MS }: Body, key: KeyObject): string {
  const signatureAlgorithm = new AlgorithmIdentifier({ algorithm: ECDSA_SHA256 });
  const serial = randomBytes(16);
  // A positive number of always the same length.
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0);
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: arrayBuffer(serial),
    signature: signatureAlgorithm,
    issuer,
    validity: new Validity({ notBefore: new Date(now - backdateMs), notAfter: new Date(now + validMs) }),
    subject,
    subjectPublicKeyInfo: AsnConvert.parse(publicKey.export({ type: "spki", format: "der" }), SubjectPublicKeyInfo),
    extensions: new Extensions([...extensions]),
  });
  const signature = sign("sha256", Buffer.from(AsnConvert.serialize(tbsCertificate)), key);
  const whole = new Certificate({ tbsCertificate, signatureAlgorithm, signatureValue: arrayBuffer(signature) });
  return new X509Certificate(Buffer.from(AsnConvert.serialize(whole))).toString();
}

function extension(extnID: string, critical: boolean, value: object): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
}

function nameOf(commonName: string): Name {
  const value = new AttributeValue({ utf8String: commonName });
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: COMMON_NAME, value })])]);
}

function newKeys() {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

/** https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.2 */
function keyIdOf(key: KeyObject): ArrayBuffer {
  const spki = AsnConvert.parse(key.export({ type: "spki", format: "der" }), SubjectPublicKeyInfo);
  return arrayBuffer(createHash("sha1").update(Buffer.from(spki.subjectPublicKey)).digest());
}

function pem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

function arrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
