import { createHash } from "node:crypto";
import { type Digest, digestAside } from "../../model/digest.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { blobNotFound, tooLarge } from "../repository/bytes.ts";
import type { Descriptor } from "../repository/manifest.ts";
import { decode, encodingsOf } from "./encoding.ts";
import { type HttpResponse, Interrupted, readRaw } from "./http.ts";
import { CHECK_REGISTRY, type Session, wrongContent } from "./session.ts";

/** How often a blob that breaks off is resumed where it did. */
export const MAX_RESUMES = 4;

/** Fetches a blob into memory, resumes it where it broke off, and verifies its digest. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-blobs */
export async function fetchBlob(
  session: Session,
  { digest, size }: Descriptor,
  limit: number,
  signal?: AbortSignal,
): Promise<Result<Uint8Array<ArrayBuffer>>> {
  if (size > limit) return fail("ModuleTooLarge", tooLarge(`layer ${digest} of ${session.name}`, size, limit));
  const blob = new Uint8Array(size);
  let hash = createHash("sha256");
  let received = 0;
  let cause = "";
  for (let attempt = 0; attempt <= MAX_RESUMES; attempt++) {
    if (attempt > 0) session.retried();
    const headers: Record<string, string> = received > 0 ? { range: `bytes=${received}-` } : {};
    const answer = await session.request({ method: "GET", url: session.url(`blobs/${digest}`), headers, signal });
    if (!answer.ok) return answer;
    const response = answer.value;
    const start = startOf(response, received);
    if (start === undefined) return blobRefused(session, response, digest, received, size);
    if (encodingsOf(response.headers).length > 0) {
      const read = await readEncoded(session, response, { digest, size });
      if (read.ok || read.error.reason !== "RegistryUnavailable") return read;
      cause = `: ${read.error.message}`;
      received = 0;
      hash = createHash("sha256");
      continue;
    }
    if (start === 0 && received > 0) {
      hash = createHash("sha256");
      received = 0;
    }
    try {
      for await (const chunk of response.chunks()) {
        if (received + chunk.byteLength > size) {
          return fail(
            "DigestMismatch",
            `layer ${digest} of ${session.name} goes on after the ${size} bytes that its manifest names; ${CHECK_REGISTRY}`,
          );
        }
        blob.set(chunk, received);
        hash.update(chunk);
        received += chunk.byteLength;
      }
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (error.failure.reason === "Canceled") return { ok: false, error: error.failure };
      cause = `: ${error.failure.message}`;
    }
    if (received === size) return verified(session, blob, digest, `sha256:${hash.digest("hex")}`);
  }
  return truncated(session, digest, received, size, cause);
}

/**
 * A blob with a `Content-Encoding`: either a proxy encoded it on its way, or it is stored with that header and came as it is. What has the digest is taken.
 * Fails with `RegistryUnavailable` where it broke off; the part that came is of no use then.
 */
async function readEncoded(
  session: Session,
  response: HttpResponse,
  { digest, size }: Pick<Descriptor, "digest" | "size">,
): Promise<Result<Uint8Array<ArrayBuffer>>> {
  if (response.status !== 200) {
    await response.discard();
    return failForNow("RegistryUnavailable", "the rest of an encoded answer cannot be joined to its beginning");
  }
  try {
    // An encoding makes random bytes a little longer.
    const raw = await readRaw(response, size + (size >> 6) + 1024);
    if (raw === undefined) return wrongContent(session, `layer ${digest}`);
    if (raw.byteLength === size && (await digestAside(raw)) === digest) return ok(raw);
    const decoded = await decode(raw, encodingsOf(response.headers), size);
    return decoded?.byteLength === size && (await digestAside(decoded)) === digest ? ok(decoded) : wrongContent(session, `layer ${digest}`);
  } catch (error) {
    if (error instanceof Interrupted) return { ok: false, error: error.failure };
    throw error;
  }
}

/** Offset in the blob at which this answer begins; `undefined` when it is not a part of the blob. */
export function startOf(response: HttpResponse, asked: number): number | undefined {
  if (response.status === 200) return 0;
  const range = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "");
  return response.status === 206 && asked > 0 && Number(range?.[1]) === asked ? asked : undefined;
}

async function blobRefused(session: Session, response: HttpResponse, digest: Digest, received: number, size: number) {
  if (response.status === 404) {
    await response.discard();
    return blobNotFound(session.name, digest);
  }
  if (response.status === 416 || response.status === 206) {
    await response.discard();
    return truncated(session, digest, received, size, "");
  }
  return session.unexpected(response, `layer ${digest}`);
}

function verified(session: Session, blob: Uint8Array<ArrayBuffer>, digest: Digest, actual: Digest): Result<Uint8Array<ArrayBuffer>> {
  if (actual === digest) return ok(blob);
  return wrongContent(session, `layer ${digest}`);
}

export function truncated(session: Session, digest: Digest, received: number, size: number, cause: string) {
  return failForNow("TruncatedBlob", `layer ${digest} of ${session.name} ended after ${received} of ${size} bytes${cause}`);
}
