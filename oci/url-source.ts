import { type Digest, digestAside } from "../model/digest.ts";
import { fail, failForNow, ok, type Result } from "../model/result.ts";
import type { FetchedModule } from "./image/image.ts";
import { type HttpOptions, Interrupted, mediaTypeOf, readBody, send, unavailable } from "./registry/http.ts";
import { tooLarge } from "./repository/bytes.ts";

/**
 * Fetches a module from a plain URL; its bytes must have the given sha256. No credentials are ever sent. Messages leave out the URL's
 * query, which may be a signature. Fails with `InvalidURL`, `ModuleNotFound`, `AccessDenied`, `ModuleTooLarge`, `DigestMismatch`,
 * `TruncatedBlob`, `RateLimited`, `RegistryUnavailable`, `Canceled`.
 */
export async function fetchUrl(
  http: HttpOptions,
  text: string,
  digest: Digest,
  limit: number,
  signal: AbortSignal,
): Promise<Result<FetchedModule>> {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return fail("InvalidURL", `${JSON.stringify(text.split("?")[0]?.slice(0, 200))} is not an http:// or https:// URL`);
  }
  if (url.username !== "" || url.password !== "")
    return fail("InvalidURL", `the URL at ${url.host} holds a username or password; these are not supported`);
  const where = `${url.origin}${url.pathname}`;
  const answer = await send(http, { method: "GET", url, signal });
  if (!answer.ok) return answer;
  const { status } = answer.value;
  if (status !== 200) {
    await answer.value.discard();
    if (status === 404 || status === 410) return fail("ModuleNotFound", `${where} does not exist (${status}); check spec.url`);
    if (status === 401 || status === 403)
      return fail("AccessDenied", `access to ${where} is denied (${status}); a url must be readable without credentials`);
    if (status === 429) return failForNow("RateLimited", `${url.host} asks for fewer requests (429); try later`);
    if (status >= 500 || status === 408) return unavailable(url, `it answers ${status}`);
    return fail("RegistryRefused", `${where} answers ${status}`);
  }
  try {
    const bytes = await readBody(answer.value, limit);
    if (bytes === undefined) return fail("ModuleTooLarge", tooLarge(where, undefined, limit));
    const actual = await digestAside(bytes);
    if (actual !== digest)
      return fail(
        "DigestMismatch",
        `${where} returns content whose digest is not ${digest}; if it was changed on purpose, put the new digest into spec.sha256`,
      );
    const mediaType = mediaTypeOf(answer.value.headers);
    return ok({ module: { digest, wasmDigest: digest, size: bytes.byteLength, mediaType }, bytes });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    if (error.failure.reason === "Canceled") return { ok: false, error: error.failure };
    return failForNow("TruncatedBlob", `${where} broke off: ${error.failure.message}`);
  }
}
