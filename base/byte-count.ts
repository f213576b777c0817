const UNITS: Readonly<Record<string, number>> = { "": 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };

/** `500000`, `512Ki`, `2Mi` or `1Gi` -> bytes; `undefined` for anything else. A part of https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
export function parseByteCount(text: string): number | undefined {
  const [, digits, unit = ""] = /^([0-9]{1,12})(Ki|Mi|Gi)?$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (UNITS[unit] ?? 1);
}

const SHOWN_UNITS = [
  ["MiB", 1 << 20],
  ["KiB", 1 << 10],
] as const;

/** A size for people, rounded down: `64 MiB`, `65.2 MiB`, `380 bytes`. */
export function printBytes(bytes: number): string {
  const [unit, size] = SHOWN_UNITS.find(([, each]) => bytes >= each) ?? ["bytes", 1];
  return `${Math.floor((bytes / size) * 10) / 10} ${unit}`;
}
