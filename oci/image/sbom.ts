import { isRecord } from "../../base/json.ts";
import { fail, ok, type Result } from "../../model/result.ts";

/** A software bill of materials may list thousands of files. */
export const MAX_SBOM_BYTES = 32 << 20;

/** The media type of a bill of materials, by what it says of itself: SPDX or CycloneDX, as JSON or in its other form. Fails with `UnknownSbom`. https://www.iana.org/assignments/media-types */
export function sbomType(bytes: Uint8Array, where: string): Result<string> {
  const text = new TextDecoder().decode(bytes);
  const head = text.slice(0, 4096);
  if (/^\s*\{/.test(head)) {
    const type = jsonType(text);
    if (type !== undefined) return ok(type);
  }
  if (/^\s*</.test(head) && /xmlns(:\w+)?="http:\/\/cyclonedx\.org\/schema\/bom\//.test(head)) return ok("application/vnd.cyclonedx+xml");
  if (/^\s*SPDXVersion:/m.test(head)) return ok("text/spdx");
  return fail(
    "UnknownSbom",
    `${where} is neither SPDX (spdxVersion) nor CycloneDX (bomFormat); make it with a tool that writes one of them`,
  );
}

function jsonType(text: string): string | undefined {
  try {
    const document: unknown = JSON.parse(text);
    if (!isRecord(document)) return undefined;
    if (document.bomFormat === "CycloneDX") return "application/vnd.cyclonedx+json";
    // SPDX 3 is JSON-LD.
    const isSpdx3 = typeof document["@context"] === "string" && document["@context"].startsWith("https://spdx.org/rdf/3.");
    return typeof document.spdxVersion === "string" || isSpdx3 ? "application/spdx+json" : undefined;
  } catch {
    return undefined;
  }
}
