import { messageOf } from "../../../base/error.ts";
import type { Place } from "../../yaml/place.ts";
import type { Expected } from "../case.ts";
import { linearPattern, MAX_PATTERN, type Matcher } from "../matcher.ts";
import type { Reading } from "./reading.ts";

const KINDS = ["exact", "prefix", "suffix", "contains", "regex", "json", "absent", "present"] as const;
/** Longest text that is expected, in characters. */
const MAX_EXPECTED = 512 * 1024;

/** A text (which must be equal), `null` (there must be none), or a map of one of `exact`, `prefix`, `suffix`, `contains`, `regex`, `json`, `absent`, `present`. */
export function readMatcher(reading: Reading, place: Place): Matcher {
  if (place.value === null) return { kind: "absent" };
  if (!place.isMap) return { kind: "exact", text: reading.text(place, MAX_EXPECTED) };
  reading.map(place, KINDS);
  const [entry, ...more] = place.entries();
  if (entry === undefined || more.length > 0) reading.wrong(place, `must say one of ${KINDS.join(", ")}`);
  const kind = KINDS.find((one) => one === entry?.key) ?? "present";
  const inner = entry?.place ?? place;
  switch (kind) {
    case "absent":
    case "present":
      if (inner.value !== true) reading.wrong(inner, "must be true");
      return { kind };
    case "json":
      return { kind, value: inner.value };
    case "regex":
      return { kind, pattern: readPattern(reading, inner) };
    default:
      return { kind, text: reading.text(inner, MAX_EXPECTED) };
  }
}

export function expectMatcher(reading: Reading, place: Place, path: string): Expected<Matcher> {
  return { path, line: place.line, value: readMatcher(reading, place) };
}

function readPattern(reading: Reading, place: Place): RegExp {
  const source = reading.text(place, MAX_PATTERN);
  try {
    return linearPattern(source);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const unread = syntaxProblem(source);
    if (unread !== undefined) {
      reading.wrong(place, `is no regular expression: ${unread}; correct it`);
      return /./;
    }
    reading.wrong(place, "is no pattern that can be matched in linear time; back-references, look-around and \\p are not to be had");
    return /./;
  }
}

/** What is wrong with it as a regular expression of JavaScript, which knows more than the engine that is linear. */
function syntaxProblem(source: string): string | undefined {
  try {
    new RegExp(source);
    return undefined;
  } catch (error) {
    return messageOf(error).replace(/^.*: /s, "").toLowerCase();
  }
}
