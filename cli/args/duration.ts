import { parseDuration } from "../../base/duration.ts";
import { ok, type Result } from "../../model/result.ts";
import { usage } from "./usage.ts";

/** Reads a duration as Go writes it (`90s`, `1h30m`) in milliseconds; `flag` is named in the message. `most`: the longest that is taken, as text. */
export function readDuration(text: string, flag: string, most: string): Result<number> {
  const ms = parseDuration(text);
  if (ms === undefined || ms > (parseDuration(most) ?? 0)) {
    return usage(`${flag} is a duration of at most ${most}, for example 90s or 1h30m, not "${text}"`);
  }
  return ok(ms);
}
