/** The data of a Secret (decoded) or of a ConfigMap, by key. */
export type Data = ReadonlyMap<string, Buffer>;

/** The data of an object, and which state of the object that was. */
export interface Versioned {
  readonly data: Data;
  /** Equal versions of an object have equal data. Says nothing about the data. `undefined`: the source does not tell. */
  readonly version: string | undefined;
}

export function sameData(a: Data | undefined, b: Data | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.size === b.size && [...a].every(([key, value]) => b.get(key)?.equals(value) === true);
}
