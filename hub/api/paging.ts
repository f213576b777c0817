import { order } from "../read/rows.ts";
import type { Parameter } from "./parameter.ts";

/** What a list is ordered by: two texts that together are one item's alone, the first before the second. */
export type Place = readonly [string, string];

export function compare([a, b]: Place, [c, d]: Place): number {
  return order(a, c) || order(b, d);
}

/** Items of a page where nobody says how many: as kubectl asks for them. */
export const PAGE_ITEMS = 500;

const limit: Parameter<number> = {
  description:
    "How many items at most; there may be fewer although more follow. The list then says by metadata.continue where the next page begins.",
  schema: { type: "integer", minimum: 1, maximum: PAGE_ITEMS },
  takes: `a whole number from 1 to ${PAGE_ITEMS}`,
  read(text) {
    const number = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 0;
    return number >= 1 && number <= PAGE_ITEMS ? number : undefined;
  },
};

const next: Parameter<Place> = {
  description:
    "The metadata.continue of the page before. Pages are in one order, and the next one begins behind the last item of the one before: what is there all the while is on one page once; what comes or goes meanwhile may be missed.",
  schema: { type: "string", pattern: "^[A-Za-z0-9_-]+$" },
  takes: "the metadata.continue of a page of this list",
  read: readToken,
};

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks */
export const PAGING = { limit, continue: next };

/** Where a list goes on. It names the last item that was given, so that no server has to keep anything for it, and any replica goes on. */
function tokenOf(last: Place): string {
  return Buffer.from(JSON.stringify(last)).toString("base64url");
}

function readToken(token: string): Place | undefined {
  if (!/^[\w-]+$/.test(token)) return undefined;
  try {
    const place: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    const isPlace = Array.isArray(place) && place.length === 2 && place.every((part) => typeof part === "string");
    return isPlace ? (place as unknown as Place) : undefined;
  } catch {
    return undefined;
  }
}

/** A page of a list. */
export interface ListPage<T> {
  readonly items: readonly T[];
  /** The last item's place, where more follow. */
  readonly last: Place | undefined;
  /** How many follow, where that is known. */
  readonly remaining: number | undefined;
}

/** What stands before and behind the items in a Kubernetes List. https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/list-meta/ */
export function listFrame({ last, remaining }: Omit<ListPage<unknown>, "items">): readonly [string, string] {
  const more = last === undefined ? {} : { continue: tokenOf(last) };
  const rest = last === undefined || remaining === undefined ? {} : { remainingItemCount: remaining };
  const metadata = JSON.stringify({ resourceVersion: "", ...more, ...rest });
  return [`{"apiVersion":"v1","kind":"List","metadata":${metadata},"items":[`, "]}"];
}

/** The items of a page, out of those that are asked for. */
export function pageOf<T>(items: Iterable<T>, placeOf: (item: T) => Place, after: Place | undefined, limit: number): ListPage<T> {
  const left = [...items]
    .map((item) => ({ item, place: placeOf(item) }))
    .filter(({ place }) => after === undefined || compare(place, after) > 0)
    .sort((a, b) => compare(a.place, b.place));
  const shown = left.slice(0, limit);
  const remaining = left.length - shown.length;
  return { items: shown.map(({ item }) => item), last: remaining === 0 ? undefined : shown.at(-1)?.place, remaining };
}
