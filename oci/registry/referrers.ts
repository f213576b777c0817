import { type Digest, digestOf } from "../../model/digest.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { type Descriptor, MAX_MANIFEST_BYTES, manifestTypes, parseManifest } from "../repository/manifest.ts";
import { boundedBody, type HttpResponse, mediaTypeOf } from "./http.ts";
import { nextPage } from "./pages.ts";
import type { Session } from "./session.ts";

const MAX_PAGES = 20;

/**
 * What the registry's referrers API lists for this manifest; `undefined`: the registry has no such API. All or a failure: the signature that somebody looks for may be on the
 * page that lacks. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
 */
export async function fetchReferrers(
  session: Session,
  digest: Digest,
  signal?: AbortSignal,
): Promise<Result<readonly Descriptor[] | undefined>> {
  const found: Descriptor[] = [];
  const what = `the referrers of ${digest}`;
  const seen = new Set<string>();
  for (let url: URL | undefined = session.url(`referrers/${digest}`); url !== undefined; ) {
    if (seen.size === MAX_PAGES)
      return fail("TooManyReferrers", `${what} of ${session.name} are more than ${MAX_PAGES} pages; remove old ones from the registry`);
    if (seen.has(url.href))
      return fail("RegistryRefused", `the list of ${what} of ${session.name} leads back to where it was; check the registry`);
    seen.add(url.href);
    const answer: Result<HttpResponse> = await session.request({ method: "GET", url, headers: { accept: manifestTypes.ociIndex }, signal });
    if (!answer.ok) return answer;
    const page: Result<readonly Descriptor[] | undefined> = await readPage(session, answer.value, what, seen.size === 1);
    if (!page.ok || page.value === undefined) return page;
    found.push(...page.value);
    url = nextPage(url, answer.value.headers);
  }
  return ok(found);
}

async function readPage(
  session: Session,
  response: HttpResponse,
  what: string,
  isFirst: boolean,
): Promise<Result<readonly Descriptor[] | undefined>> {
  if (isFirst && hasNone(response.status)) {
    await response.discard();
    return ok(undefined);
  }
  if (response.status !== 200) return session.unexpected(response, what);
  const mediaType = mediaTypeOf(response.headers);
  const body = await boundedBody(response, MAX_MANIFEST_BYTES);
  if (!body.ok) return body;
  // What answers everything with a page of its own says 200 as well.
  if (isFirst && mediaType !== manifestTypes.ociIndex) return ok(undefined);
  if (body.value === undefined) return fail("InvalidManifest", `${what} of ${session.name} are more than fit in a list`);
  const raw = { bytes: body.value, digest: digestOf(body.value), mediaType };
  const index = parseManifest(raw, `${what} of ${session.name}`, { maxEntries: 10_000, advice: "check the registry" });
  if (!index.ok) return index;
  if (index.value.kind !== "index") return fail("InvalidManifest", `${what} of ${session.name} are no index`);
  return ok(index.value.manifests);
}

/** Statuses of registries that do not know the path. Who may not read, or asks too often, is told so. */
function hasNone(status: number): boolean {
  return status === 400 || status === 404 || status === 405 || status === 406 || status === 501;
}
