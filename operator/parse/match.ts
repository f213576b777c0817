import { pathRegex } from "../../model/path-regex.ts";
import { isFields } from "./defaults.ts";
import { joinPath, type Problem } from "./problem.ts";

/** Regular expressions of paths that no proxy would take, or that would reach into the query. Of a spec that passed the schema. */
export function matchProblems(spec: unknown): Problem[] {
  if (!isFields(spec)) return [];
  const steps = isFields(spec.rollout) ? list(spec.rollout.steps) : [];
  return [
    ...ofKinds(spec, "spec"),
    ...steps.flatMap((step, index) => (isFields(step) ? ofKinds(step, joinPath("spec.rollout.steps", index)) : [])),
  ];
}

function ofKinds({ match }: Readonly<Record<string, unknown>>, path: string): Problem[] {
  return list(match).flatMap((kind, index) => {
    const regex = isFields(kind) && isFields(kind.path) ? kind.path.regex : undefined;
    const read = typeof regex === "string" ? pathRegex(regex) : undefined;
    if (read === undefined || typeof regex !== "string") return [];
    const why = read.ok ? whyNever(regex) : read.why;
    return why === undefined ? [] : [{ path: `${joinPath(`${path}.match`, index)}.path.regex`, message: why }];
  });
}

/** Begins with a character that stands for itself, in one alternative, and must be there. */
const OTHER_BEGINNING = /^\^?([^\\/.^$()[\]{}|*+?])(?![*?]|\{0)[^|]*$/;

/** Why no path matches, where that is told by its beginning; that of others nobody knows. */
function whyNever(regex: string): string | undefined {
  const [, first] = OTHER_BEGINNING.exec(regex) ?? [];
  return first === undefined ? undefined : `covers the whole path, and no path begins with ${first}; begin it with /`;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
