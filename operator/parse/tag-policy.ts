import { readVersionRange } from "../filter/version-range.ts";
import { isFields } from "./defaults.ts";
import type { Problem } from "./problem.ts";

/** A range that has the shape of one and cannot be read, e.g. with numbers beyond 2^53. Of a spec that passed the schema. */
export function tagPolicyProblems(spec: unknown): Problem[] {
  const { semver } = isFields(spec) && isFields(spec.tagPolicy) ? spec.tagPolicy : {};
  if (typeof semver !== "string" || readVersionRange({ semver, prerelease: true }) !== undefined) return [];
  return [{ path: "spec.tagPolicy.semver", message: "not a range of versions; write it like ~1.2, ^1.2.3 or >=1.2 <2" }];
}
