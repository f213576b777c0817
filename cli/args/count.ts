import type { Result } from "../../model/result.ts";
import { ok } from "../../model/result.ts";
import { usage } from "./usage.ts";

/** Reads a whole number from 1 to a million; absent: `undefined`. `flag` is named in the message. */
export function readCount(text: string | undefined, flag: string): Result<number | undefined> {
  if (text === undefined) return ok(undefined);
  const value = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  return value >= 1 && value <= 1_000_000 ? ok(value) : usage(`${flag} is a whole number from 1 to 1000000, not "${text}"`);
}
