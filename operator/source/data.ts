/** The data of a Secret (decoded) or of a ConfigMap, by key. */
export type Data = ReadonlyMap<string, Buffer>;

export function sameData(a: Data | undefined, b: Data | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.size === b.size && [...a].every(([key, value]) => b.get(key)?.equals(value) === true);
}
