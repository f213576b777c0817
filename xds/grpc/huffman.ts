/**
 * Length in bits of the code of each byte, in HPACK's Huffman code. The code is canonical: shorter codes come first, and those of one length are in the
 * order of their bytes, so that the lengths say it all. https://www.rfc-editor.org/rfc/rfc7541#appendix-B
 */
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10,
  12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7,
  7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22,
  23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22,
  23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20,
  24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];
const MAX_LENGTH = 30;

/** Bytes in the order of their codes. */
const inOrder = LENGTHS.map((length, byte) => ({ length, byte })).sort((a, b) => a.length - b.length || a.byte - b.byte);
/** For each length: its first code, and how many codes come before it in order. */
const first: number[] = [];
const before: number[] = [];
for (let length = 0, code = 0, count = 0; length <= MAX_LENGTH; length++, code <<= 1) {
  first[length] = code;
  before[length] = count;
  const ofLength = inOrder.filter((each) => each.length === length).length;
  code += ofLength;
  count += ofLength;
}

/** Texts decoded lately, by their code: the same few come on every connection. */
const lately = new Map<string, string>();
const MAX_LATELY = 256;
const MAX_REMEMBERED = 256;

/** The text, one character a byte; `undefined` when the bits are no code or their padding is not what it must be. */
export function decodeHuffman(bytes: Buffer, start: number, end: number): string | undefined {
  if (end - start > MAX_REMEMBERED) return decode(bytes, start, end);
  const code = bytes.toString("latin1", start, end);
  const known = lately.get(code);
  if (known !== undefined) return known;
  const text = decode(bytes, start, end);
  if (lately.size >= MAX_LATELY) lately.clear();
  if (text !== undefined) lately.set(code, text);
  return text;
}

function decode(bytes: Buffer, start: number, end: number): string | undefined {
  const decoded: number[] = [];
  let code = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    for (let bit = 7; bit >= 0; bit--) {
      code = (code << 1) | ((byte >> bit) & 1);
      length += 1;
      if (length > MAX_LENGTH) return undefined;
      const index = code - (first[length] ?? 0);
      const found = index >= 0 ? inOrder[(before[length] ?? 0) + index] : undefined;
      if (found?.length !== length) continue;
      decoded.push(found.byte);
      code = 0;
      length = 0;
    }
  }
  const padded = length < 8 && code === (1 << length) - 1;
  return padded ? String.fromCharCode(...decoded) : undefined;
}
