import { pathRegex } from "../../model/path-regex.ts";
import { isFields } from "./defaults.ts";
import { joinPath, type Problem } from "./problem.ts";

/** Regular expressions of `match` that no proxy would take, or that would reach into the query. Of a spec that passed the schema. */
export function matchProblems(spec: unknown): Problem[] {
  const match = isFields(spec) && Array.isArray(spec.match) ? spec.match : [];
  return match.flatMap((kind: unknown, index) => {
    const regex = isFields(kind) && isFields(kind.path) ? kind.path.regex : undefined;
    const read = typeof regex === "string" ? pathRegex(regex) : undefined;
    if (read === undefined || read.ok) return [];
    return [{ path: joinPath(joinPath("spec.match", index), "path.regex"), message: read.why }];
  });
}
