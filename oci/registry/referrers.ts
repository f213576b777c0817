import { type Digest, digestOf } from "../../model/digest.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { type Descriptor, MAX_MANIFEST_BYTES, manifestTypes, parseManifest } from "../repository/manifest.ts";
import { boundedBody, mediaTypeOf } from "./http.ts";
import type { Session } from "./session.ts";

const MAX_PAGES = 20;

/**
 * What the registry's referrers API lists for this manifest; `undefined`: the registry has no such API.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
 */
export async function fetchReferrers(
  session: Session,
  digest: Digest,
  signal?: AbortSignal,
): Promise<Result<readonly Descriptor[] | undefined>> {
  const found: Descriptor[] = [];
  const what = `the referrers of ${digest}`;
  let url: URL | null = session.url(`referrers/${digest}`);
  for (let page = 0; url !== null && page < MAX_PAGES; page++) {
    const answer = await session.request({ method: "GET", url, headers: { accept: manifestTypes.ociIndex }, signal });
    if (!answer.ok) return answer;
    const response = answer.value;
    if (page === 0 && hasNone(response.status)) {
      await response.discard();
      return ok(undefined);
    }
    if (response.status !== 200) return session.unexpected(response, what);
    const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get("link") ?? "")?.[1];
    const mediaType = mediaTypeOf(response.headers);
    const body = await boundedBody(response, MAX_MANIFEST_BYTES);
    if (!body.ok) return body;
    // What answers everything with a page of its own says 200 as well.
    if (page === 0 && mediaType !== manifestTypes.ociIndex) return ok(undefined);
    if (body.value === undefined) return fail("InvalidManifest", `${what} of ${session.name} are more than fit in a list`);
    const raw = { bytes: body.value, digest: digestOf(body.value), mediaType };
    const index = parseManifest(raw, `${what} of ${session.name}`, { maxEntries: 10_000, advice: "check the registry" });
    if (!index.ok) return index;
    if (index.value.kind !== "index") return fail("InvalidManifest", `${what} of ${session.name} are no index`);
    found.push(...index.value.manifests);
    const nextUrl: URL | null = next === undefined ? null : URL.parse(next, url.href);
    url = nextUrl?.origin === url.origin ? nextUrl : null;
  }
  return ok(found);
}

/** Statuses of registries that do not know the path. Who may not read, or asks too often, is told so. */
function hasNone(status: number): boolean {
  return status === 400 || status === 404 || status === 405 || status === 406 || status === 501;
}
