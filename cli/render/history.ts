import { age } from "../../base/elapsed.ts";
import { clip, oneLine } from "../../base/text.ts";
import { shortDigest } from "../../model/digest.ts";
import type { WasmFilter, WasmFilterStatusHistoryItem } from "../../model/gen/wasmfilter.ts";
import { historyOf } from "../../model/history.ts";
import { type Author, isByItself, type Revision } from "../../model/revision.ts";
import { revisionChanges } from "../../model/revision-changes.ts";
import { table } from "./table.ts";

/** One revision and how it differs from the one before it. */
export interface HistoryEntry extends WasmFilterStatusHistoryItem {
  /** E.g. `digest`, `config {"a":1} -> {"a":2}`, `priority 0 -> 5`; empty for the first one known. */
  readonly changed: readonly string[];
  /** Who made the spec that led to it, and why, as its record tells. */
  readonly author?: Author;
}

/**
 * The filter's history, the newest first, with what changed from revision to revision. `revisions` are the full records where they can be
 * read; without them only digest and image can be compared.
 */
export function history(filter: WasmFilter, revisions: readonly Revision[]): readonly HistoryEntry[] {
  const items = historyOf(filter.status);
  const records = new Map(revisions.map((revision) => [revision.number, revision]));
  return items.map((item, index) => {
    const before = items[index + 1];
    const made = records.get(item.revision);
    const entry = made?.author === undefined ? item : { ...item, author: made.author };
    if (before === undefined) return { ...entry, changed: [] };
    const old = records.get(before.revision);
    const settings = old === undefined || made === undefined ? [] : settingsChanges(old, made);
    return { ...entry, changed: [...sourceChanges(before, item), ...settings] };
  });
}

function sourceChanges(before: WasmFilterStatusHistoryItem, after: WasmFilterStatusHistoryItem): string[] {
  if (before.digest !== after.digest) return [`digest ${shortDigest(before.digest)} -> ${shortDigest(after.digest)}`];
  return [];
}

const TEXT = 48;
/** What the status of a revision tells already. */
const SOURCE: ReadonlySet<string> = new Set(["image", "digest", "wasmDigest"]);

function settingsChanges(before: Revision, after: Revision): string[] {
  const changes = revisionChanges(before, after).filter(({ field }) => !SOURCE.has(field));
  return changes.map(({ field, before: from, after: to }) => {
    // The place of a text that changed.
    if (from === to) return from === undefined ? field : `${field} in ${inWords(from)}`;
    const [cut, other] = [inWords(from), inWords(to)];
    return cut === other ? field : `${field} ${cut} -> ${other}`;
  });
}

function inWords(value: string | undefined): string | undefined {
  return value === undefined ? undefined : clip(oneLine(value), TEXT);
}

/** The table of `weir history`; the revision that runs is starred. */
export function renderHistory(
  entries: readonly HistoryEntry[],
  options: { readonly now: number; readonly current: number | undefined; readonly indent?: string },
): string[] {
  const rows = entries.map(({ revision, digest, result, time, image, author, changed, message }) => [
    `${revision}${revision === options.current ? "*" : ""}`,
    shortDigest(digest),
    result,
    age(time, options.now),
    image,
    authorText(author),
    [changed.join(", "), message === undefined || message === "" ? "" : `(${clip(oneLine(message), 160)})`]
      .filter((part) => part !== "")
      .join(" ") || "-",
  ]);
  return table(["REVISION", "DIGEST", "RESULT", "AGE", "IMAGE", "BY", "CHANGED"], rows, options.indent ?? "");
}

/** Who made it and why: `kubectl "trace header"`; `itself` where what the spec names changed. */
function authorText(author: Author | undefined): string {
  if (author === undefined) return "-";
  if (isByItself(author)) return "itself";
  const { manager, cause } = author;
  const parts = [inWords(manager), cause === undefined ? undefined : `"${inWords(cause)}"`];
  return parts.filter((part) => part !== undefined).join(" ") || "-";
}
