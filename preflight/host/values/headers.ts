/** Header names and values in order. Names are lower-case. */
export type Pairs = readonly (readonly [name: string, value: string])[];

/** An HTTP header or trailer map as Envoy keeps it: ordered, names lower-case, a name may come more than once. */
export interface HeaderMap {
  get(name: string): string | undefined;
  add(name: string, value: string): void;
  /** Sets one value and drops any others of that name. */
  replace(name: string, value: string): void;
  remove(name: string): void;
  assign(pairs: Pairs): void;
  pairs(): Pairs;
  readonly size: number;
  /** Bytes of all names and values. */
  byteSize(): number;
}

export function createHeaderMap(initial: Pairs = []): HeaderMap {
  let entries: [string, string][] = [];
  const add = (name: string, value: string): void => {
    entries.push([name.toLowerCase(), value]);
  };
  const remove = (name: string): void => {
    entries = entries.filter(([key]) => key !== name.toLowerCase());
  };
  for (const [name, value] of initial) add(name, value);
  return {
    get: (name) => entries.find(([key]) => key === name.toLowerCase())?.[1],
    add,
    replace(name, value) {
      remove(name);
      add(name, value);
    },
    remove,
    assign(pairs) {
      entries = [];
      for (const [name, value] of pairs) add(name, value);
    },
    pairs: () => entries.map(([name, value]) => [name, value] as const),
    get size() {
      return entries.length;
    },
    byteSize: () => entries.reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value), 0),
  };
}

const MAX_PAIRS = 1024;
const MAX_PAIRS_BYTES = 1024 * 1024;

/** The wire form of a map: count, then lengths, then zero-terminated names and values. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#serialization */
export function encodePairs(pairs: Pairs): Uint8Array {
  const texts = pairs.map(([name, value]) => [Buffer.from(name), Buffer.from(value)] as const);
  const total = texts.reduce((sum, [name, value]) => sum + 10 + name.length + value.length, 4);
  const out = Buffer.alloc(total);
  let at = out.writeUInt32LE(texts.length, 0);
  for (const [name, value] of texts) at = out.writeUInt32LE(value.length, out.writeUInt32LE(name.length, at));
  for (const text of texts.flat()) at += text.copy(out, at) + 1;
  return out;
}

/** Reads the wire form. Like Envoy, anything malformed or over its bounds (1 MiB, 1024 pairs) reads as no pairs at all. */
export function decodePairs(bytes: Uint8Array): Pairs {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (data.length < 4 || data.length > MAX_PAIRS_BYTES) return [];
  const count = data.readUInt32LE(0);
  if (count > MAX_PAIRS || 4 + count * 8 > data.length) return [];
  let at = 4 + count * 8;
  const texts: string[] = [];
  for (let index = 0; index < count * 2; index += 1) {
    const length = data.readUInt32LE(4 + index * 4);
    if (at + length + 1 > data.length || data[at + length] !== 0) return [];
    texts.push(data.toString("utf8", at, at + length));
    at += length + 1;
  }
  if (at !== data.length) return [];
  return Array.from({ length: count }, (_, index) => [texts[index * 2] ?? "", texts[index * 2 + 1] ?? ""] as const);
}

/** A name whose value is another one in two lists of headers. `undefined`: it is not there. */
export interface HeaderChange {
  readonly name: string;
  readonly was: string | undefined;
  readonly is: string | undefined;
}

/** Several values of one name are joined as https://www.rfc-editor.org/rfc/rfc9110#section-5.3 has it. */
export function headerChanges(before: Pairs, after: Pairs): HeaderChange[] {
  const [old, now] = [valuesOf(before), valuesOf(after)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((name) => {
    const [was, is] = [old.get(name)?.join(", "), now.get(name)?.join(", ")];
    return was === is ? [] : [{ name, was, is }];
  });
}

function valuesOf(pairs: Pairs): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const [name, value] of pairs) {
    const known = values.get(name);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
  }
  return values;
}
