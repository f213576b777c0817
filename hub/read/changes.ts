import type { WasmFilter, WasmFilterStatusHistoryItem } from "../../model/gen/wasmfilter.ts";
import type { Author } from "../../model/revision.ts";
import type { Views } from "../views.ts";
import { order } from "./rows.ts";

/** One revision of one filter. */
export interface Change {
  readonly namespace: string;
  readonly name: string;
  readonly item: WasmFilterStatusHistoryItem;
}

/** Who made a change, where that is known. */
export type AuthorOf = (change: Change) => Author | undefined;

/** Every revision of every filter, the newest first. */
export function changesOf(filters: readonly WasmFilter[]): readonly Change[] {
  const all = filters.flatMap(({ metadata: { namespace = "", name }, status }) =>
    (status?.history ?? []).map((item) => ({ namespace, name, item })),
  );
  return all.sort(newestFirst);
}

export function newestFirst(a: Change, b: Change): number {
  return order(b.item.time, a.item.time);
}

/** The status of a filter does not tell authors; the records of its revisions do. Asked for the rows that are shown alone. */
export function authorsIn(views: Pick<Views, "revisions">): AuthorOf {
  return (change) => views.revisions(change).find(({ number }) => number === change.item.revision)?.author;
}
