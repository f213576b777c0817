import type { ApiFailure, ApiRequest, Fields, KubeApi } from "../../../model/kube.ts";
import { ok, type Result } from "../../../model/result.ts";
import { isFields } from "../../parse/defaults.ts";
import { TOO_LARGE } from "./api.ts";

/** A whole collection, as it was at one version. */
export interface Collection<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
}

/** Objects of a page, most first. Whoever may write objects makes them 1.5 MiB each: 500 of those are more than a string can have, and seconds of parsing. */
const SIZES = [500, 100, 20, 4, 1];
/** Bytes of a page: some 50 ms of parsing. One object is smaller. */
const PAGE_BYTES = 8 * 1024 * 1024;

/**
 * The whole collection, page by page: of each object what `keep` gives, unless that is `undefined`; `list` has the list's own kind. Pages get smaller where objects are large. A page may expire in between (410): list again.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
 */
export async function listAll<T>(
  api: Pick<KubeApi, "request">,
  { query, ...request }: Pick<ApiRequest, "path" | "query" | "accept" | "signal">,
  keep: (item: Fields, list: Fields) => T | undefined,
): Promise<Result<Collection<T>, ApiFailure>> {
  const items: T[] = [];
  let size = 0;
  let next = "";
  for (;;) {
    const limit = String(SIZES[size]);
    const page = await api.request({
      ...request,
      query: { ...query, limit, ...(next === "" ? {} : { continue: next }) },
      maxBytes: PAGE_BYTES,
    });
    if (!page.ok && page.error.reason === TOO_LARGE && size < SIZES.length - 1) {
      size += 1;
      continue;
    }
    if (!page.ok) return page;
    const { metadata, items: found } = page.value;
    for (const item of Array.isArray(found) ? found : []) {
      const kept = isFields(item) ? keep(item, page.value) : undefined;
      if (kept !== undefined) items.push(kept);
    }
    const { continue: more, resourceVersion } = isFields(metadata) ? metadata : {};
    if (typeof more !== "string" || more === "") return ok({ items, resourceVersion: String(resourceVersion ?? "") });
    next = more;
  }
}
