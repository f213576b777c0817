import { clip, oneLine } from "../../base/text.ts";
import { CHANGE_CAUSE } from "../../model/annotations.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { Author, Revision } from "../../model/revision.ts";

const LONGEST_CAUSE = 500;
const LONGEST_MANAGER = 128;

/**
 * Who made the spec that led to a new revision, and why. `before`: the newest revision until now. Where the spec is the same as then, a tag or a text that it names
 * changed, and nobody is named. A cause that is the same as before was not written for this change.
 */
export function authorOf({ metadata }: WasmFilter, manager: string | undefined, before: Revision | undefined): Author {
  const { generation, annotations } = metadata;
  const own = generation === undefined ? {} : { generation };
  if (generation !== undefined && before?.author?.generation === generation) return own;
  const cause = clip(oneLine(annotations?.[CHANGE_CAUSE] ?? ""), LONGEST_CAUSE);
  return {
    ...own,
    ...(manager === undefined ? {} : { manager: clip(oneLine(manager), LONGEST_MANAGER) }),
    ...(cause === "" || isOf(cause, before) ? {} : { cause }),
  };
}

function isOf(cause: string, before: Revision | undefined): boolean {
  return before?.author?.cause === cause;
}
