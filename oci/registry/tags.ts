import { isRecord } from "../../base/json.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { boundedBody, type HttpResponse } from "./http.ts";
import type { Session } from "./session.ts";

const MAX_TAG_PAGES = 100;
const MAX_TAG_PAGE_BYTES = 4 << 20;

/** Every tag, sorted: page by page, on the registry's own host only. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags */
export async function listTags(session: Session, signal?: AbortSignal): Promise<Result<readonly string[]>> {
  const tags: string[] = [];
  let url: URL | null = session.url("tags/list");
  for (let page = 0; url !== null && page < MAX_TAG_PAGES; page++) {
    const answer: Result<HttpResponse> = await session.request({ method: "GET", url, signal });
    if (!answer.ok) return answer;
    const response = answer.value;
    if (response.status === 404) {
      await response.discard();
      return fail("ImageNotFound", `${session.name} does not exist in the registry`);
    }
    if (response.status !== 200) return session.unexpected(response, "the list of tags");
    const body = await boundedBody(response, MAX_TAG_PAGE_BYTES);
    if (!body.ok) return body;
    const found = readTags(body.value);
    if (found === undefined) return fail("RegistryRefused", `the list of tags of ${session.name} is not what a registry answers`);
    tags.push(...found);
    const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(response.headers.get("link") ?? "")?.[1];
    const nextUrl: URL | null = next === undefined ? null : URL.parse(next, url.href);
    url = nextUrl?.origin === url.origin ? nextUrl : null;
  }
  return ok([...new Set(tags)].sort());
}

function readTags(body: Uint8Array | undefined): string[] | undefined {
  try {
    const document: unknown = JSON.parse(new TextDecoder().decode(body));
    const tags = isRecord(document) ? (document.tags ?? []) : undefined;
    return Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : undefined;
  } catch {
    return undefined;
  }
}
