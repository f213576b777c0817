import { RE2JS } from "@bufbuild/re2";
import type { Bundle } from "@sigstore/bundle";
import { X509Certificate } from "@sigstore/core";
import { toSignedEntity, VerificationError, Verifier } from "@sigstore/verify";
import { clip, oneLine } from "../../base/text.ts";
import { ok, type Result } from "../../model/result.ts";
import type { Signer, TextMatch } from "../../model/verify.ts";
import { type Fault, type FoundSignature, fault } from "./found.ts";
import { stampedAt, withTimestamps } from "./timestamp.ts";
import { keyOf, type TrustRoot } from "./trust-root.ts";

type Keyless = Extract<Signer<string>, { readonly kind: "keyless" }>;

/** Characters of an identity that are matched. */
const MAX_IDENTITY = 1024;
/** Bytes of a certificate. */
const MAX_CERTIFICATE = 64 * 1024;

/** Whether a signature is by who is demanded, made while their certificate was valid. On success who that is. */
export function checkIdentity(found: FoundSignature, { issuer, identity }: Keyless, root: TrustRoot): Result<string, Fault> {
  if (!found.hasCertificate) return fault("KeyMismatch", "it is signed with a key, and not by an identity");
  const certificate = found.bundle && certificateOf(found.bundle);
  if (found.bundle === undefined || certificate === undefined)
    return fault("SignatureUnreadable", "its certificate or its log entry cannot be read");
  const isAuthority = hasKeyOf(root, certificate);
  if (isAuthority === undefined) return fault("SignatureUnreadable", "its certificate has a key of a kind that is not taken");
  // It would be one more way to a root, round and round.
  if (isAuthority) return fault("CertificateUntrusted", "its certificate has the key of an authority");
  const payload = found.content.kind === "simpleSigning" ? found.content.payload : undefined;
  const signer = verifyBundle(found.bundle, payload, certificate, root);
  if (!signer.ok) return signer;
  const who = { identity: signer.value.subjectAlternativeName ?? "", issuer: signer.value.extensions?.issuer ?? "" };
  const name = `${clip(oneLine(who.identity), 300)} (${clip(oneLine(who.issuer), 200)})`;
  if (matches(identity, who.identity) && matches(issuer, who.issuer)) return ok(name);
  return fault("SignerMismatch", `it is signed by ${name}, not by ${shown(identity)} (${shown(issuer)})`);
}

/** True for a certificate with the key of an authority; `undefined`: its key cannot be read. */
function hasKeyOf({ certificateAuthorities }: TrustRoot, certificate: X509Certificate): boolean | undefined {
  try {
    const key = keyOf(certificate);
    return certificateAuthorities.some(({ certChain }) => certChain.some((each) => keyOf(each) === key));
  } catch {
    return undefined;
  }
}

type Identity = NonNullable<ReturnType<Verifier["verify"]>["identity"]>;

/** A log entry or a timestamp must say when it was signed: without one nothing of the certificate would be checked. */
function verifyBundle(
  bundle: Bundle,
  artifact: Buffer | undefined,
  certificate: X509Certificate,
  root: TrustRoot,
): Result<Identity, Fault> {
  const { tlogEntries } = bundle.verificationMaterial;
  try {
    const entity = withTimestamps(toSignedEntity(bundle, artifact));
    if (entity.timestamps.length === 0)
      return fault("NotLogged", "neither a transparency log nor a timestamp authority says when it was signed");
    // A trust root of an authority that keeps no log of its certificates asks for no entry in one.
    const ctlogThreshold = root.ctlogs.length > 0 ? 1 : 0;
    const verifier = new Verifier(root, { timestampThreshold: 1, tlogThreshold: 0, ctlogThreshold });
    return ok(verifier.verify(entity).identity ?? {});
  } catch (error) {
    if (!(error instanceof VerificationError))
      return fault("SignatureUnreadable", "its certificate, log entry or timestamp cannot be read");
    return faultOf(error, certificate, signedAt(bundle), tlogEntries.length > 0, root);
  }
}

function faultOf(
  error: VerificationError,
  certificate: X509Certificate,
  times: readonly Date[],
  isLogged: boolean,
  root: TrustRoot,
): Result<never, Fault> {
  const isLogUnread = error.code === "TLOG_BODY_ERROR" && error.message.startsWith("unsupported");
  if (isLogUnread)
    return fault("SignatureUnreadable", `its log entry is of a kind that is not read (${clip(oneLine(error.message), 100)}); sign it anew`);
  switch (error.code) {
    case "SIGNATURE_ERROR":
    case "TLOG_BODY_ERROR":
      return fault("SignatureTampered", "its content, signature or log entry was changed since it was signed");
    case "TLOG_ERROR":
    case "TLOG_INCLUSION_PROOF_ERROR":
    case "TLOG_INCLUSION_PROMISE_ERROR":
    case "TLOG_MISSING_INCLUSION_ERROR":
      return fault("NotLogged", "no transparency log of the trust root has its entry");
    case "TIMESTAMP_ERROR":
      return fault(
        "NotLogged",
        isLogged && root.tlogs.length > 0
          ? "its log entry has no time that can be trusted, and no timestamp authority of the trust root says when it was signed"
          : "no timestamp authority of the trust root says when it was signed",
      );
    default: {
      const late = times.find((time) => !certificate.validForDate(time));
      if (late === undefined)
        return fault("CertificateUntrusted", "its certificate is of no authority that the trust root names, or in no log of certificates");
      const valid = `${certificate.notBefore.toISOString()} to ${certificate.notAfter.toISOString()}`;
      return fault("CertificateExpired", `its certificate was valid from ${valid}, and it was signed at ${late.toISOString()}`);
    }
  }
}

/** When it was signed, as the bundle says. Only for words: what the verifier goes by it has checked. */
function signedAt({ verificationMaterial: { tlogEntries, timestampVerificationData } }: Bundle): Date[] {
  const logged = tlogEntries.map(({ integratedTime }) => Number(integratedTime)).filter((seconds) => seconds > 0);
  const stamped = (timestampVerificationData?.rfc3161Timestamps ?? []).flatMap(({ signedTimestamp }) =>
    timeOf(Buffer.from(signedTimestamp)),
  );
  return [...logged.map((seconds) => new Date(seconds * 1000)), ...stamped].filter((time) => !Number.isNaN(time.getTime()));
}

/** Nothing of a timestamp that is none. */
function timeOf(timestamp: Buffer<ArrayBuffer>): Date[] {
  try {
    return [stampedAt(timestamp)];
  } catch {
    return [];
  }
}

function certificateOf({ verificationMaterial: { content } }: Bundle): X509Certificate | undefined {
  const raw =
    content.$case === "certificate"
      ? content.certificate
      : content.$case === "x509CertificateChain"
        ? content.x509CertificateChain.certificates[0]
        : undefined;
  if (raw === undefined || raw.rawBytes.byteLength > MAX_CERTIFICATE) return undefined;
  try {
    return X509Certificate.parse(Buffer.from(raw.rawBytes));
  } catch {
    return undefined;
  }
}

/** RE2 takes time that is linear in the text, whatever the expression. */
function matches(match: TextMatch, text: string): boolean {
  if ("exact" in match) return match.exact === text;
  if (text === "" || text.length > MAX_IDENTITY) return false;
  try {
    return RE2JS.matches(match.regExp, text);
  } catch {
    return false;
  }
}

function shown(match: TextMatch): string {
  return clip(oneLine("exact" in match ? match.exact : `/${match.regExp}/`), 300);
}
