import { isFields } from "./defaults.ts";
import { joinPath, type Problem } from "./problem.ts";

/** Whole numbers beyond 2^53 in `config`: JavaScript would round them silently, so they are refused. */
export function inexactNumbers(spec: unknown): Problem[] {
  const problems: Problem[] = [];
  if (isFields(spec)) collect(spec.config, "spec.config", problems);
  return problems;
}

function collect(value: unknown, path: string, problems: Problem[]): void {
  if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    problems.push({ path, message: "this whole number is too large to carry exactly; write it as a string" });
  } else if (Array.isArray(value)) {
    value.forEach((item, index) => void collect(item, joinPath(path, index), problems));
  } else if (isFields(value)) {
    for (const [key, field] of Object.entries(value)) collect(field, joinPath(path, key), problems);
  }
}
