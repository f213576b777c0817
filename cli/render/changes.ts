import { clip, oneLine } from "../../base/text.ts";
import { table } from "./table.ts";

/** A field that differs. A value that is absent is not shown; one that is on both sides alike is the place of what changed. */
export interface ShownChange {
  readonly field: string;
  readonly before?: string;
  readonly after?: string;
}

/** Characters of a value: a digest and a reference fit. */
const TEXT = 160;

/** One line for each field: `config  {"a":1} -> {"a":2}`. */
export function renderChanges(changes: readonly ShownChange[], indent: string): string[] {
  return table(
    undefined,
    changes.map((change) => [change.field, inWords(change)]),
    indent,
  );
}

function inWords({ before, after }: ShownChange): string {
  if (before === undefined && after === undefined) return "changed";
  if (before === after) return `changed, in ${shown(before)}`;
  const [from, to] = [shown(before), shown(after)];
  return from === to ? "changed" : `${from} -> ${to}`;
}

function shown(value: string | undefined): string {
  return value === undefined ? "not set" : clip(oneLine(value), TEXT);
}
