import { X509Certificate } from "node:crypto";
import { pemCertificates } from "../../base/pem.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { readManifestText } from "../../operator/index.ts";

/** The certificates of a file (PEM) and nothing else of it: they go where everybody reads them. */
export async function readAuthorities(flag: string, path: string): Promise<Result<string>> {
  const text = await readManifestText(path);
  if (!text.ok) return fail("CannotRead", `${flag} ${path} cannot be read: ${text.error.message}`);
  const certificates = pemCertificates(text.value);
  return certificates.length > 0 && certificates.every(isCertificate)
    ? ok(`${certificates.join("\n")}\n`)
    : fail("TlsFiles", `${flag} ${path} holds no certificate; it must be PEM`);
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
