import { clip, oneLine } from "../../base/text.ts";

const LONGEST = 1_000;

/** What a source or its API server says, as it is passed on: one line, at most 1,000 characters. */
export function wordsOf(message: string): string {
  return clip(oneLine(message), LONGEST);
}
