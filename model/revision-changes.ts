import type { Revision } from "./revision.ts";
import { changedSettings, SETTING_NAMES, type SettingName, showSetting } from "./settings.ts";

/** One field in which two revisions of a filter differ. */
export interface RevisionChange {
  /** `image`, `digest`, `wasmDigest`, or the name of a setting. */
  readonly field: "image" | "digest" | "wasmDigest" | SettingName;
  /** Its values, for people. Absent where the name alone may be shown: the value may be long, or private. Of a text from a Secret, its place. */
  readonly before?: string;
  readonly after?: string;
}

const SOURCE = ["image", "digest", "wasmDigest"] as const;

/** What differs between two revisions: where the module comes from, then the settings in the order in which they are shown. Never a text from a Secret. */
export function revisionChanges(before: Revision, after: Revision): readonly RevisionChange[] {
  const source = SOURCE.filter((field) => before[field] !== after[field]).map((field) => changeOf(field, before[field], after[field]));
  const changed = changedSettings(before.settings, after.settings);
  const isMoved = placeOf(before) !== placeOf(after);
  const settings = SETTING_NAMES.filter((name) => changed.includes(name) || (isMoved && name === "config")).map((name) =>
    changeOf(name, show(before, name), show(after, name)),
  );
  const isSameRest = settings.length === 0 && before.digest === after.digest;
  // The text of a Secret is in no record: if nothing else explains the new hash, it is what changed.
  if (isSameRest && before.hash !== after.hash && after.secretConfig !== undefined)
    return [...source, changeOf("config", placeOf(before), placeOf(after))];
  return [...source, ...settings];
}

function changeOf(field: RevisionChange["field"], before: string | undefined, after: string | undefined): RevisionChange {
  return { field, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
}

/** The setting in a few words; `undefined` if only its name may be shown. A text from a Secret is shown as its place. */
function show(revision: Revision, name: SettingName): string | undefined {
  return (name === "config" ? placeOf(revision) : undefined) ?? showSetting(revision.settings, name);
}

/** Where the configuration text is, when that is a Secret. */
export function placeOf({ secretConfig }: Pick<Revision, "secretConfig">): string | undefined {
  return secretConfig === undefined ? undefined : `Secret ${secretConfig.name} (${secretConfig.key})`;
}
