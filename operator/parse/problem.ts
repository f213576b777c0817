import { clip } from "../../base/text.ts";

/** Problems that a message names; the others are counted. A person mends a few at a time, and a message goes into a status. */
const MAX_SHOWN = 20;
/** A path holds names that somebody chose. */
const LONGEST_PATH = 200;

/** One thing that is wrong with an object. */
export interface Problem {
  /** Where, as kubectl writes it: `spec.rollout.steps[0].percent`. */
  readonly path: string;
  /** What is wrong and what to do about it. Never holds the value of a config, an environment variable or a Secret. */
  readonly message: string;
}

/** All problems as one text: `spec.digest: not a digest; ... | spec.imagee: unknown field`. */
export function describeProblems(problems: readonly Problem[]): string {
  const shown = problems
    .slice(0, MAX_SHOWN)
    .map(({ path, message }) => (path === "" ? message : `${clip(path, LONGEST_PATH)}: ${message}`));
  const more = problems.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join(" | ");
}

/** `a` and `.b` or `[1]` -> `a.b`, `a[1]`; no leading dot. */
export function joinPath(parent: string, child: string | number): string {
  if (typeof child === "number") return `${parent}[${child}]`;
  const key = child.replace(/^\./, "");
  return parent === "" ? key : `${parent}.${key}`;
}
