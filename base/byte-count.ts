const UNITS: Readonly<Record<string, number>> = { "": 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };

/** `500000`, `512Ki`, `2Mi` or `1Gi` -> bytes; `undefined` for anything else. A part of https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
export function parseByteCount(text: string): number | undefined {
  const [, digits, unit = ""] = /^([0-9]{1,12})(Ki|Mi|Gi)?$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (UNITS[unit] ?? 1);
}
