const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time as kubectl prints ages: `45s`, `3m20s`, `2h5m`, `3d4h`, `40d`. Negative lengths (clocks differ) are `0s`. */
export function duration(ms: number): string {
  const whole = Math.max(0, ms);
  if (whole < 2 * MINUTE) return `${Math.floor(whole / SECOND)}s`;
  if (whole < 10 * MINUTE) return two(whole, MINUTE, "m", SECOND, "s");
  if (whole < 3 * HOUR) return `${Math.floor(whole / MINUTE)}m`;
  if (whole < 8 * HOUR) return two(whole, HOUR, "h", MINUTE, "m");
  if (whole < 2 * DAY) return `${Math.floor(whole / HOUR)}h`;
  if (whole < 8 * DAY) return two(whole, DAY, "d", HOUR, "h");
  return `${Math.floor(whole / DAY)}d`;
}

function two(ms: number, big: number, bigName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % big) / small);
  return `${Math.floor(ms / big)}${bigName}${rest === 0 ? "" : `${rest}${smallName}`}`;
}

/** Time since an RFC 3339 moment; `<unknown>` if there is none or it is not a date. */
export function age(moment: string | undefined, now: number): string {
  const at = moment === undefined ? Number.NaN : Date.parse(moment);
  return Number.isNaN(at) ? "<unknown>" : duration(now - at);
}

/** The UTC clock time of a moment in milliseconds, e.g. `14:03:10Z`; with the date if that is not `now`'s. */
export function clock(at: number, now: number): string {
  const text = new Date(at).toISOString();
  const time = `${text.slice(11, 19)}Z`;
  return text.slice(0, 10) === new Date(now).toISOString().slice(0, 10) ? time : `${text.slice(0, 10)} ${time}`;
}

/** A moment, and how long it is until then: `at 14:03:10Z (in 5m)`. */
export function moment(at: number, now: number): string {
  const wait = at > now ? `in ${duration(at - now)}` : "any moment";
  return `at ${clock(at, now)} (${wait})`;
}
