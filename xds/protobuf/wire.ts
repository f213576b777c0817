import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

/**
 * An encoded message as a list of parts, which are joined once, at the end. To nest a module of megabytes in ten messages
 * then costs one copy instead of ten. Wire format: https://protobuf.dev/programming-guides/encoding/#length-types
 */
export type Rope = readonly Uint8Array[];

const LENGTH_DELIMITED = 2;

/**
 * Goes over the fields of an encoded message without decoding them. After each `next()` that returned true the properties tell of one field. Throws where the
 * bytes are no message. No iterator: messages of megabytes are gone over field by field.
 */
export class Fields {
  number = 0;
  /** True for bytes, strings and embedded messages: their content is from `start` to `end`. */
  isDelimited = false;
  /** Where the field begins, with its tag. */
  at = 0;
  start = 0;
  end = 0;
  private readonly reader: BinaryReader;

  constructor(message: Uint8Array) {
    this.reader = new BinaryReader(message);
  }

  /** Goes to the next field; false: there is none. */
  next(): boolean {
    const { reader } = this;
    if (reader.pos >= reader.len) return false;
    this.at = reader.pos;
    const tag = reader.uint32();
    this.number = tag >>> 3;
    this.isDelimited = (tag & 7) === LENGTH_DELIMITED;
    if (this.isDelimited) {
      const length = reader.uint32();
      if (length > reader.len - reader.pos) throw new RangeError("a field goes beyond its message");
      this.start = reader.pos;
      reader.pos += length;
    } else {
      this.start = reader.pos;
      reader.skip(tag & 7, tag >>> 3);
    }
    this.end = reader.pos;
    return true;
  }
}

/** A length-delimited field (bytes, string or embedded message) with this content. */
export function field(number: number, content: Rope): Rope {
  const header = new BinaryWriter().tag(number, LENGTH_DELIMITED).uint32(byteLength(content)).finish();
  return [header, ...content];
}

/** A google.protobuf.Any of this type holding the encoded message. */
export function any(typeUrl: string, message: Rope): Rope {
  return [...field(1, [Buffer.from(typeUrl)]), ...field(2, message)];
}

/** Joins the parts into one array, which copies them. */
export function join(rope: Rope): Uint8Array {
  return Buffer.concat(rope);
}

/**
 * Takes the length-delimited fields of this number out of an encoded message, without decoding anything. `taken` is called with the offsets where the content of
 * each begins and ends. Returns the other fields. Throws when the bytes are not a message.
 */
export function takeOut(message: Uint8Array, number: number, taken: (start: number, end: number) => void): Uint8Array {
  const fields = new Fields(message);
  const others: Uint8Array[] = [];
  let kept = 0;
  while (fields.next()) {
    if (!fields.isDelimited || fields.number !== number) continue;
    if (fields.at > kept) others.push(message.subarray(kept, fields.at));
    kept = fields.end;
    taken(fields.start, kept);
  }
  if (kept < message.length) others.push(message.subarray(kept));
  return others.length === 1 && others[0] ? others[0] : Buffer.concat(others);
}

/** Text decoder for a BinaryReader. For short strings, which requests consist of, it is several times faster than the default one. */
export function decodeUtf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

/** Bytes of all parts. */
export function byteLength(rope: Rope): number {
  return rope.reduce((sum, part) => sum + part.byteLength, 0);
}
