import type { failForNow } from "../../model/result.ts";

/** Longest time that is taken from a server, in milliseconds. */
const MOST_MS = 3_600_000;

/**
 * Milliseconds from `now` until a server wants to be asked again, at most an hour; `undefined`: it does not say. Seconds or a date.
 * https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function retryAfterOf(headers: Headers, now: number): number | undefined {
  const text = headers.get("retry-after")?.trim() ?? "";
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : /^[A-Z][a-z]{2}, /.test(text) ? Date.parse(text) - now : Number.NaN;
  return Number.isFinite(ms) ? Math.min(MOST_MS, Math.max(0, ms)) : undefined;
}

/** The failure with when the other side wants to be asked again, where it says. */
export function later(failed: ReturnType<typeof failForNow>, retryAfterMs: number | undefined): ReturnType<typeof failForNow> {
  return retryAfterMs === undefined ? failed : { ...failed, error: { ...failed.error, retryAfterMs } };
}

/** `; try again in 30 s`, to stand at the end of a message; empty where the other side does not say. */
export function whenAgain(retryAfterMs: number | undefined): string {
  return retryAfterMs === undefined ? "" : `; try again in ${Math.ceil(retryAfterMs / 1000)} s`;
}
