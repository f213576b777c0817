import { clip, oneLine } from "../../base/text.ts";
import { shortDigest } from "../../model/digest.ts";
import type { WasmFilter, WasmFilterStatusHistoryItem } from "../../model/gen/wasmfilter.ts";
import type { Revision } from "../../model/revision.ts";
import { changedSettings, SETTING_NAMES, type SettingName, showSetting } from "../../model/settings.ts";
import { table } from "./table.ts";
import { age } from "./time.ts";

/** One revision and how it differs from the one before it. */
export interface HistoryEntry extends WasmFilterStatusHistoryItem {
  /** E.g. `digest`, `config {"a":1} -> {"a":2}`, `priority 0 -> 5`; empty for the first one known. */
  readonly changed: readonly string[];
}

/**
 * The filter's history, the newest first, with what changed from revision to revision. `revisions` are the full records where they can be
 * read; without them only digest and image can be compared.
 */
export function history(filter: WasmFilter, revisions: readonly Revision[]): readonly HistoryEntry[] {
  const items = [...(filter.status?.history ?? [])].sort((a, b) => b.revision - a.revision);
  const records = new Map(revisions.map((revision) => [revision.number, revision]));
  return items.map((item, index) => {
    const before = items[index + 1];
    if (before === undefined) return { ...item, changed: [] };
    const pair = [records.get(before.revision), records.get(item.revision)] as const;
    const settings = pair[0] === undefined || pair[1] === undefined ? [] : settingsChanges(pair[0], pair[1]);
    return { ...item, changed: [...sourceChanges(before, item), ...settings] };
  });
}

function sourceChanges(before: WasmFilterStatusHistoryItem, after: WasmFilterStatusHistoryItem): string[] {
  if (before.digest !== after.digest) return [`digest ${shortDigest(before.digest)} -> ${shortDigest(after.digest)}`];
  return [];
}

const TEXT = 48;

function settingsChanges(before: Revision, after: Revision): string[] {
  const changed = changedSettings(before.settings, after.settings);
  const moved = placeOf(before) !== placeOf(after);
  const changes = SETTING_NAMES.filter((name) => changed.includes(name) || (moved && name === "config")).map((name) => {
    const [from, to] = [show(before, name), show(after, name)];
    return from === to ? name : `${name} ${from} -> ${to}`;
  });
  const sameRest = changes.length === 0 && before.digest === after.digest;
  // The text of a Secret is in no record: if nothing else explains the new hash, it is what changed.
  if (sameRest && before.hash !== after.hash && after.secretConfig !== undefined) return [`config in ${placeOf(after)}`];
  return changes;
}

/** The setting in a few words; `undefined` if only its name may be shown. A text from a Secret is shown as its place. */
function show(revision: Revision, name: SettingName): string | undefined {
  const place = name === "config" ? placeOf(revision) : undefined;
  const text = place ?? showSetting(revision.settings, name);
  return text === undefined ? undefined : clip(oneLine(text), TEXT);
}

/** Where the configuration text is, when that is a Secret. */
function placeOf({ secretConfig }: Revision): string | undefined {
  return secretConfig === undefined ? undefined : `Secret ${secretConfig.name} (${secretConfig.key})`;
}

/** The table of `weir history`; the revision that runs is starred. */
export function renderHistory(
  entries: readonly HistoryEntry[],
  options: { readonly now: number; readonly current: number | undefined; readonly indent?: string },
): string[] {
  const rows = entries.map(({ revision, digest, result, time, image, changed, message }) => [
    `${revision}${revision === options.current ? "*" : ""}`,
    shortDigest(digest),
    result,
    age(time, options.now),
    image,
    [changed.join(", "), message === undefined || message === "" ? "" : `(${clip(oneLine(message), 160)})`]
      .filter((part) => part !== "")
      .join(" ") || "-",
  ]);
  return table(["REVISION", "DIGEST", "RESULT", "AGE", "IMAGE", "CHANGED"], rows, options.indent ?? "");
}
