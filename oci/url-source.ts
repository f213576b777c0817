import type { Digest } from "../model/digest.ts";
import type { Module } from "../model/module.ts";
import { type Failure, fail, failForNow, ok, type Result } from "../model/result.ts";
import { Measured, type ModuleSink } from "./image/sink.ts";
import { download } from "./registry/download.ts";
import { type HttpOptions, type HttpResponse, mediaTypeOf, unavailable } from "./registry/http.ts";
import { patiently } from "./registry/patience.ts";
import { later, retryAfterOf, whenAgain } from "./registry/retry-after.ts";
import { tooLarge } from "./repository/bytes.ts";
import { taking } from "./repository/transfer.ts";

export interface WantedUrl {
  readonly url: string;
  readonly digest: Digest;
  /** Most bytes that it may have. */
  readonly limit: number;
}

/**
 * Fetches a module from a plain URL; its bytes must have the given sha256. They go to the sink as they come, and count once this is ok. No credentials are ever sent. Messages leave
 * out the URL's query, which may be a signature. Fails with `InvalidURL`, `ModuleNotFound`, `AccessDenied`, `ModuleTooLarge`, `DigestMismatch`,
 * `TruncatedBlob`, `RateLimited`, `RegistryUnavailable`, `Canceled`.
 */
export async function fetchUrl(
  http: HttpOptions,
  { url: text, digest, limit }: WantedUrl,
  sink: ModuleSink,
  signal: AbortSignal,
): Promise<Result<Module>> {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    return fail("InvalidURL", `${JSON.stringify(text.split("?")[0]?.slice(0, 200))} is not an http:// or https:// URL`);
  }
  if (url.username !== "" || url.password !== "")
    return fail("InvalidURL", `the URL at ${url.host} holds a username or password; these are not supported`);
  const what = `${url.origin}${url.pathname}`;
  let mediaType = "";
  const pieces = download({
    what,
    digest,
    size: { atMost: limit },
    async request(headers) {
      const answer = await patiently(http, { method: "GET", url, headers, signal });
      if (answer.ok) mediaType = mediaTypeOf(answer.value.headers);
      return answer;
    },
    refused: (response) => refused(http, url, response),
    tooLong: () => fail("ModuleTooLarge", tooLarge(what, undefined, limit)).error,
    wrong: () =>
      fail(
        "DigestMismatch",
        `${what} returns content whose digest is not ${digest}; if it was changed on purpose, put the new digest into spec.sha256`,
      ).error,
    retried: () => http.metrics.retried("registry"),
  });
  const taken = await taking(pieces, async (own) => {
    const measured = new Measured(own, digest);
    await sink.write(measured);
    return measured.size;
  });
  return taken.ok ? ok({ digest, wasmDigest: digest, size: taken.value, mediaType }) : taken;
}

/** Why an answer with this status is no module. */
async function refused({ clock }: HttpOptions, url: URL, response: HttpResponse): Promise<Failure> {
  await response.discard();
  const { status, headers } = response;
  const where = `${url.origin}${url.pathname}`;
  const ms = retryAfterOf(headers, clock.now());
  if (status === 404 || status === 410) return fail("ModuleNotFound", `${where} does not exist (${status}); check spec.url`).error;
  if (status === 401 || status === 403)
    return fail("AccessDenied", `access to ${where} is denied (${status}); a url must be readable without credentials`).error;
  if (status === 429)
    return later(failForNow("RateLimited", `${url.host} asks for fewer requests (429)${whenAgain(ms) || "; try later"}`), ms).error;
  if (status >= 500 || status === 408) return later(unavailable(url, `it answers ${status}${whenAgain(ms)}`), ms).error;
  return fail("RegistryRefused", `${where} answers ${status}`).error;
}
