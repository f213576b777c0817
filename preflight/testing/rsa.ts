import { randomBytes } from "node:crypto";

/** DER of tag, length and content. */
function der(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  const size =
    length < 128 ? [length] : length < 65_536 ? [0x82, length >> 8, length & 255] : [0x83, length >> 16, (length >> 8) & 255, length & 255];
  return Buffer.concat([Uint8Array.of(tag, ...size), content]);
}

/** An odd number of so many bits that is no key. */
function integer(bits: number): Buffer {
  const bytes = randomBytes(bits / 8);
  bytes[0] = (bytes[0] ?? 0) | 0x80;
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 1;
  return der(2, Buffer.concat([Uint8Array.of(0), bytes]));
}

const RSA = Buffer.from("300d06092a864886f70d0101010500", "hex");
const EXPONENT = der(2, Uint8Array.of(1, 0, 1));

/** A public key (SPKI) of so many bits that is none. */
export function publicKey(bits: number): Buffer {
  const numbers = der(0x30, Buffer.concat([integer(bits), EXPONENT]));
  return der(0x30, Buffer.concat([RSA, der(3, Buffer.concat([Uint8Array.of(0), numbers]))]));
}

/** A private key (PKCS #8) of so many bits that is none: OpenSSL computes with it all the same. */
export function privateKey(bits: number): Buffer {
  const rest = Array.from({ length: 5 }, () => integer(bits / 2));
  const numbers = der(0x30, Buffer.concat([der(2, Uint8Array.of(0)), integer(bits), EXPONENT, integer(bits), ...rest]));
  return der(0x30, Buffer.concat([der(2, Uint8Array.of(0)), RSA, der(4, numbers)]));
}
