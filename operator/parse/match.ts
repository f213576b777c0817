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
    if (read === undefined || read.ok) return [];
    return [{ path: `${joinPath(`${path}.match`, index)}.path.regex`, message: read.why }];
  });
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
