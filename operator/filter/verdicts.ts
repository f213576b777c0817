import type { Revision } from "../../model/revision.ts";
import { MAX_REQUIREMENTS, type Verdict } from "../../model/verify.ts";
import type { Facts } from "./facts.ts";

/** Verdicts of one revision that are kept: of all that may be asked for at a time, and as many of before. Other keys come and go with the years. */
const MAX_VERDICTS = 2 * MAX_REQUIREMENTS;

/** The revision with these verdicts, which are all that are asked for now, before those of earlier; the same object where it has them. */
export function withVerdicts(revision: Revision, verdicts: readonly Verdict[]): Revision {
  const { verified = [] } = revision;
  const known = new Set(verified.map(({ requirement }) => requirement));
  if (verdicts.every(({ requirement }) => known.has(requirement))) return revision;
  const asked = new Map(verdicts.map((verdict) => [verdict.requirement, verdict]));
  const others = verified.filter(({ requirement }) => !asked.has(requirement));
  return { ...revision, verified: [...asked.values(), ...others].slice(0, MAX_VERDICTS) };
}

/** What changes where a kept revision gets verdicts: its record is rewritten if they are new to it. */
export function attested(
  { revisions, rewritten }: Pick<Facts, "revisions" | "rewritten">,
  number: number,
  verdicts: readonly Verdict[],
): Pick<Facts, "revisions" | "rewritten"> {
  const stored = revisions.find((each) => each.number === number);
  const whole = stored && withVerdicts(stored, verdicts);
  if (stored === undefined || whole === undefined || whole === stored) return { revisions, rewritten };
  const others = rewritten.filter((each) => each.number !== number);
  return { revisions: revisions.map((each) => (each === stored ? whole : each)), rewritten: [...others, whole] };
}
