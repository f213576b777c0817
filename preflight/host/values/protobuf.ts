/** The length-delimited fields (as bytes) and varints (as bigint) of a message, by number; of repeated ones the last. */
export type Fields = ReadonlyMap<number, Uint8Array | bigint>;

/** Reads a protobuf message without its schema; `undefined` when it is none. https://protobuf.dev/programming-guides/encoding/ */
export function readFields(bytes: Uint8Array): Fields | undefined {
  const fields = new Map<number, Uint8Array | bigint>();
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    return undefined;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag === undefined) return undefined;
    const wire = Number(tag & 7n);
    const head = wire === 0 || wire === 2 ? varint() : wire === 1 ? 8n : wire === 5 ? 4n : undefined;
    if (head === undefined) return undefined;
    const number = Number(tag >> 3n);
    if (wire === 0) {
      fields.set(number, head);
      continue;
    }
    const end = at + Number(head);
    if (end > bytes.length) return undefined;
    fields.set(number, bytes.subarray(at, end));
    at = end;
  }
  return fields;
}

/** A message of length-delimited fields; empty ones are left out. */
export function writeFields(fields: readonly (readonly [number: number, value: Uint8Array | boolean])[]): Uint8Array {
  const parts = fields.flatMap(([number, value]) => {
    if (typeof value === "boolean") return value ? [Uint8Array.of(number << 3, 1)] : [];
    return value.length === 0 ? [] : [Uint8Array.of((number << 3) | 2), writeVarint(value.length), value];
  });
  return Buffer.concat(parts);
}

function writeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** The bytes of a field; empty when it is not there. */
export function bytesOf(fields: Fields, number: number): Uint8Array {
  const value = fields.get(number);
  return value instanceof Uint8Array ? value : new Uint8Array();
}

export function textOf(fields: Fields, number: number): string {
  return Buffer.from(bytesOf(fields, number)).toString("utf8");
}
