const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * `30s`, `1h30m`, `1.5s`, `500ms` -> whole milliseconds. `undefined` for anything else.
 * A part of what Go's time.ParseDuration reads: no sign, nothing below a millisecond. https://pkg.go.dev/time#ParseDuration
 */
export function parseDuration(text: string): number | undefined {
  if (!/^([0-9]+([.][0-9]+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([0-9.]+)(ms|s|m|h)/g)) total += Number(amount) * (UNITS[unit ?? ""] ?? 0);
  return Math.round(total);
}

/** `20 ms`, `3.4 s`: a time that was measured, for people. */
export function describeMs(ms: number): string {
  return ms < 1000 ? `${Math.ceil(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
