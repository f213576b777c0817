import { isDeepStrictEqual } from "node:util";
import { fieldsOf, isRecord } from "../../base/json.ts";
import { clip } from "../../base/text.ts";
import { printExactJson } from "../../model/exact-json.ts";
import type { Fields } from "../../model/kube.ts";
import type { ObjectChange } from "../../model/plan.ts";
import { withDefaults } from "../parse/defaults.ts";
import { joinPath } from "../parse/problem.ts";
import { wasmFilterSchema } from "../parse/schema.ts";

/** Fields that are told, and characters of a value and of a path. */
const MAX_CHANGES = 200;
const MAX_VALUE = 400;
const MAX_PATH = 400;
/** What clients keep for themselves: it repeats the object. */
const REPEATS = "kubectl.kubernetes.io/last-applied-configuration";

/** What differs between two states of an object in what people write: labels, annotations and spec. Both are within bounds (parse/bounds.ts). */
export function objectChanges(before: object, after: object): readonly ObjectChange[] {
  const changes: ObjectChange[] = [];
  compare("", written(before), written(after), changes);
  return changes;
}

/** Defaults are filled in: a field that is left out and one that says the default are the same. */
function written(object: object): Fields {
  const { metadata, spec } = withDefaults(wasmFilterSchema(), object) as Fields;
  const { labels = {}, annotations = {} } = fieldsOf(metadata);
  const { [REPEATS]: _, ...others } = fieldsOf(annotations);
  return { metadata: { labels, annotations: others }, spec };
}

/** Objects are compared field by field, lists as a whole. */
function compare(path: string, before: unknown, after: unknown, changes: ObjectChange[]): void {
  if (changes.length >= MAX_CHANGES || isDeepStrictEqual(before, after)) return;
  if (!isRecord(before) || !isRecord(after)) {
    changes.push({ field: clip(path, MAX_PATH), ...sideOf("before", before), ...sideOf("after", after) });
    return;
  }
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const own = (fields: Fields) => (Object.hasOwn(fields, name) ? fields[name] : undefined);
    compare(joinPath(path, name), own(before), own(after), changes);
  }
}

function sideOf(side: "before" | "after", value: unknown): Partial<ObjectChange> {
  return value === undefined ? {} : { [side]: clip(printExactJson(value), MAX_VALUE) };
}
