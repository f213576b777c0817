import { isRecord } from "../../base/json.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { TAG } from "../repository/reference.ts";
import { boundedBody, type HttpResponse } from "./http.ts";
import { nextPage } from "./pages.ts";
import type { Session } from "./session.ts";

/** Tags that are asked for at once. A registry may give fewer, or all of them. */
const PAGE = 1_000;
const MAX_PAGES = 1_000;
const MAX_PAGE_BYTES = 4 << 20;
const MAX_TAGS = 50_000;

/**
 * Every tag, sorted: page by page, on the registry's own host only. All or a failure, as the tag that somebody looks for may be on the page that lacks.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags
 */
export async function listTags(session: Session, signal?: AbortSignal): Promise<Result<readonly string[]>> {
  const tags = new Set<string>();
  const seen = new Set<string>();
  const first = session.url("tags/list");
  first.searchParams.set("n", String(PAGE));
  for (let url: URL | undefined = first; url !== undefined; ) {
    seen.add(url.href);
    const page: Result<Page> = await fetchPage(session, url, signal);
    if (!page.ok) return page;
    for (const tag of page.value.tags) tags.add(tag);
    url = page.value.next;
    if (tags.size > MAX_TAGS || seen.size > MAX_PAGES)
      return fail(
        "TooManyTags",
        `${session.name} has more than ${MAX_TAGS} tags or ${MAX_PAGES} pages of them; name one tag, or delete old ones`,
      );
    if (url !== undefined && seen.has(url.href))
      return fail("RegistryRefused", `the list of tags of ${session.name} leads back to where it was; check the registry`);
  }
  return ok([...tags].sort());
}

interface Page {
  readonly tags: readonly string[];
  readonly next: URL | undefined;
}

async function fetchPage(session: Session, url: URL, signal: AbortSignal | undefined): Promise<Result<Page>> {
  const answer: Result<HttpResponse> = await session.request({ method: "GET", url, signal });
  if (!answer.ok) return answer;
  const response = answer.value;
  if (response.status === 404) {
    await response.discard();
    return fail("ImageNotFound", `${session.name} does not exist in the registry; check the name, or push it first`);
  }
  if (response.status !== 200) return session.unexpected(response, "the list of tags");
  const body = await boundedBody(response, MAX_PAGE_BYTES);
  if (!body.ok) return body;
  if (body.value === undefined)
    return fail(
      "TooManyTags",
      `a page of the tags of ${session.name} is larger than ${MAX_PAGE_BYTES >> 20} MiB; name one tag, or delete old ones`,
    );
  const tags = readTags(body.value);
  if (tags === undefined) return fail("RegistryRefused", `the list of tags of ${session.name} is not what a registry answers`);
  return ok({ tags, next: nextPage(url, response.headers) });
}

/** What is no tag is left out. `undefined`: this is no list of tags. */
function readTags(body: Uint8Array): string[] | undefined {
  try {
    const document: unknown = JSON.parse(new TextDecoder().decode(body));
    const tags = isRecord(document) ? (document.tags ?? []) : undefined;
    return Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string" && TAG.test(tag)) : undefined;
  } catch {
    return undefined;
  }
}
