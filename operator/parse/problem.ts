/** One thing that is wrong with an object. */
export interface Problem {
  /** Where, as kubectl writes it: `spec.rollout.steps[0].percent`. */
  readonly path: string;
  /** What is wrong and what to do about it. Never holds the value of a config, an environment variable or a Secret. */
  readonly message: string;
}

/** All problems as one text: `spec.digest: not a digest; ... | spec.imagee: unknown field`. */
export function describeProblems(problems: readonly Problem[]): string {
  return problems.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join(" | ");
}

/** `a` and `.b` or `[1]` -> `a.b`, `a[1]`; no leading dot. */
export function joinPath(parent: string, child: string | number): string {
  if (typeof child === "number") return `${parent}[${child}]`;
  const key = child.replace(/^\./, "");
  return parent === "" ? key : `${parent}.${key}`;
}
