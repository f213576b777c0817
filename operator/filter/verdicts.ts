import type { Revision } from "../../model/revision.ts";
import type { Verdict } from "../../model/verify.ts";
import type { Facts } from "./facts.ts";

/** Verdicts of one revision that are kept. Other keys come and go with the years. */
const MAX_VERDICTS = 32;

/** The revision with these verdicts, the newest first; the same object where it has them. */
export function withVerdicts(revision: Revision, verdicts: readonly Verdict[]): Revision {
  const { verified = [] } = revision;
  const known = new Set(verified.map(({ requirement }) => requirement));
  const added = verdicts.filter(({ requirement }) => !known.has(requirement));
  return added.length === 0 ? revision : { ...revision, verified: [...added, ...verified].slice(0, MAX_VERDICTS) };
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
