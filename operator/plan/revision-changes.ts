import { clip } from "../../base/text.ts";
import type { Filter } from "../../model/filter.ts";
import { bytesOf } from "../../model/plugin-configuration.ts";
import { type Revision, withoutSecretText } from "../../model/revision.ts";
import { placeOf, type RevisionChange, revisionChanges } from "../../model/revision-changes.ts";
import { askedSettings } from "../../model/settings.ts";
import { goalOf } from "../filter/goal.ts";
import type { FilterRecord } from "../filter/record.ts";

/** Characters of a configuration. */
const MAX_TEXT = 400;

/**
 * What differs between what the filter's proxies are meant to run and the revision that they would get, which is whole. A configuration is shown where the object
 * itself holds it, since who plans may read that; else it is said to have changed.
 */
export function plannedChanges(record: FilterRecord, filter: Filter, after: Revision): readonly RevisionChange[] {
  const before = goalOf(record);
  if (before === undefined || before.number === after.number) return [];
  const changes = revisionChanges(withoutSecretText(before), withoutSecretText(after)).filter(({ field }) => !isConfig(field));
  const config = configChange(record, filter, before, after);
  return config === undefined ? changes : [...changes, config];
}

function configChange(record: FilterRecord, filter: Filter, before: Revision, after: Revision): RevisionChange | undefined {
  const [from, to] = [placeOf(before), placeOf(after)];
  // The record of a configuration from a Secret is empty; what is served of it is whole.
  const held = from === undefined ? before.settings : record.deliverable.get(before.number)?.settings;
  const isSame = held === undefined ? !isOnlyDifference(before, after) : bytesOf(held).equals(bytesOf(after.settings));
  if (from === to && isSame) return undefined;
  const shownBefore = from ?? (isInline(record, before) ? before.settings.config : undefined);
  const shownAfter = to ?? (filter.configFrom === undefined ? after.settings.config : undefined);
  // What is alike in both is read as the place of what changed.
  const isCutAlike = from === undefined && to === undefined && cut(shownBefore) === cut(shownAfter);
  return isCutAlike ? { field: "config" } : { field: "config", ...sideOf("before", shownBefore), ...sideOf("after", shownAfter) };
}

function isConfig(field: RevisionChange["field"]): boolean {
  return field === "config" || field === "configBytes";
}

/** Where the text before is not at hand, it is what differs if nothing else does. */
function isOnlyDifference(before: Revision, after: Revision): boolean {
  return revisionChanges(withoutSecretText(before), withoutSecretText(after)).every(({ field }) => isConfig(field) || field === "image");
}

/** True when the present object holds the revision's text. */
function isInline({ object: { spec } }: FilterRecord, { settings }: Revision): boolean {
  return spec?.configFrom === undefined && settings.configBytes === undefined && askedSettings(spec ?? {}).config === settings.config;
}

function sideOf(side: "before" | "after", text: string | undefined): Partial<RevisionChange> {
  return text === undefined ? {} : { [side]: text === "" ? "none" : cut(text) };
}

function cut(text: string | undefined): string {
  return clip(text ?? "", MAX_TEXT);
}
