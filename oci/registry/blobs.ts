import { fail } from "../../model/result.ts";
import { blobNotFound } from "../repository/bytes.ts";
import type { BlobDescriptor } from "../repository/manifest.ts";
import { download } from "./download.ts";
import { CHECK_REGISTRY, type Session, wrongContent } from "./session.ts";

/** A blob as it arrives, a piece at a time, resumed where it broke off. Throws `Broken`, at the end too: by then its digest is known. */
export function streamBlob(session: Session, { digest, size }: BlobDescriptor, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const what = `layer ${digest} of ${session.name}`;
  return download({
    what,
    digest,
    size,
    request: (headers) => session.request({ method: "GET", url: session.url(`blobs/${digest}`), headers, signal }),
    async refused(response) {
      if (response.status !== 404) return (await session.unexpected(response, `layer ${digest}`)).error;
      await response.discard();
      return blobNotFound(session.name, digest).error;
    },
    tooLong: () => fail("DigestMismatch", `${what} goes on after the ${size} bytes that its manifest names; ${CHECK_REGISTRY}`).error,
    wrong: () => wrongContent(session, `layer ${digest}`).error,
    retried: () => session.retried(),
  });
}
