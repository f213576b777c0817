import { fieldsOf, isRecord } from "../../base/json.ts";
import { fail, ok, type Result } from "../../model/result.ts";

/** Items that a page is asked for. */
const PAGE_ITEMS = 500;
/** Pages of a list: a fleet of half a million proxies has fewer. A server that goes on is none that ends. */
const MOST_PAGES = 1_000;

/**
 * All items of a list of the read API, page by page. A server of an earlier version knows no pages: it answers with all at once, as an array or as a List that does not
 * go on. `undefined`: the answer is no list.
 *
 * @param asked what is asked for; a server of an earlier version answers with the others too.
 */
export async function readPages(
  path: string,
  asked: Readonly<Record<string, string>>,
  read: (path: string) => Promise<Result<unknown>>,
): Promise<Result<readonly unknown[] | undefined>> {
  const items: unknown[] = [];
  let next: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const query = new URLSearchParams({ limit: String(PAGE_ITEMS), ...asked, ...(next === undefined ? {} : { continue: next }) });
    const body = await read(`${path}?${query}`);
    if (!body.ok) return body;
    if (Array.isArray(body.value)) return ok(body.value);
    const { items: found, metadata } = fieldsOf(body.value);
    if (!Array.isArray(found)) return ok(undefined);
    // One by one: a list may be longer than the arguments that a call takes.
    for (const item of found) items.push(item);
    const more = isRecord(metadata) ? metadata.continue : undefined;
    if (typeof more !== "string" || more === "") return ok(items);
    if (more === next) break;
    next = more;
  }
  return fail("ServerAnswer", `the list of ${path} does not end; check --server (or WEIR_SERVER)`);
}
