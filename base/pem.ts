const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, each with its first and last line, and nothing else of it. None is parsed. */
export function pemCertificates(text: string): readonly string[] {
  return text.match(CERTIFICATE) ?? [];
}
