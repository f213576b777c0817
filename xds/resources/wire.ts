import { BinaryWriter } from "@bufbuild/protobuf/wire";

/**
 * An encoded message as a list of parts that are joined once, at the end: nesting a module of megabytes in ten messages
 * then costs one copy instead of ten. Wire format: https://protobuf.dev/programming-guides/encoding/#length-types
 */
export type Rope = readonly Uint8Array[];

const LENGTH_DELIMITED = 2;

/** A length-delimited field (bytes, string or embedded message) with this content. */
export function field(number: number, content: Rope): Rope {
  const header = new BinaryWriter().tag(number, LENGTH_DELIMITED).uint32(byteLength(content)).finish();
  return [header, ...content];
}

/** A google.protobuf.Any of this type holding the encoded message. */
export function any(typeUrl: string, message: Rope): Rope {
  return [...field(1, [Buffer.from(typeUrl)]), ...field(2, message)];
}

/** An envoy.config.core.v3.TypedExtensionConfig of this name holding the encoded message. */
export function typedExtensionConfig(name: string, typeUrl: string, message: Rope): Rope {
  return [...field(1, [Buffer.from(name)]), ...field(2, any(typeUrl, message))];
}

/** Joins the parts: the only place where they are copied. */
export function join(rope: Rope): Uint8Array {
  return Buffer.concat(rope);
}

function byteLength(rope: Rope): number {
  return rope.reduce((sum, part) => sum + part.byteLength, 0);
}
