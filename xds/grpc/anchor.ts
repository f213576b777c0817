import { X509Certificate } from "node:crypto";
import type { SecureContextOptions, TLSSocket } from "node:tls";
import { pemCertificates } from "../../base/pem.ts";

/** Certificates between a client's and its authority, at most. */
const LONGEST_CHAIN = 16;

/** Fingerprint of the authority that the client's certificate leads to. */
export function anchorOf(socket: TLSSocket): string {
  let one = socket.getPeerCertificate(true);
  // The authority is its own issuer. https://nodejs.org/api/tls.html#tlssocketgetpeercertificatedetailed
  for (let count = 0; count < LONGEST_CHAIN && one.issuerCertificate !== undefined && one.issuerCertificate !== one; count++)
    one = one.issuerCertificate;
  return one.fingerprint256;
}

/** Fingerprints of the authorities of a context; `undefined`: it names none. */
export function anchorsOf({ ca }: SecureContextOptions): ReadonlySet<string> | undefined {
  if (ca === undefined) return undefined;
  const text = (Array.isArray(ca) ? ca : [ca]).map(String).join("\n");
  return new Set(pemCertificates(text).map((pem) => new X509Certificate(pem).fingerprint256));
}
