/**
 * Text to UTF-8 and back. The compiler's own functions take twice the code, and keep what is no UTF-8. Here each half of a surrogate pair, and each byte that
 * begins no character, is read as U+FFFD.
 * https://www.rfc-editor.org/rfc/rfc3629
 */
const REPLACEMENT: u32 = 0xfffd;
const NONE: u32 = 0xffffffff;

/** The bytes of a text. */
export function utf8(text: string): ArrayBuffer {
  let size: usize = 0;
  for (let i = 0; i < text.length; i++) {
    const point = pointAt(text, i);
    size += sizeOf(point);
    i += i32(point > 0xffff);
  }
  const bytes = changetype<ArrayBuffer>(__new(size, idof<ArrayBuffer>()));
  writeUtf8(text, changetype<usize>(bytes));
  return bytes;
}

/** Writes the bytes of a text, at most three for each unit of it, and gives the address behind them. */
export function writeUtf8(text: string, to: usize): usize {
  for (let i = 0; i < text.length; i++) {
    let point = pointAt(text, i);
    i += i32(point > 0xffff);
    const size = sizeOf(point);
    if (size > 1) {
      for (let k = size - 1; k > 0; k--) {
        store<u8>(to + k, 0x80 | (point & 0x3f));
        point >>= 6;
      }
      point |= 0xff00 >> <u32>size;
    }
    store<u8>(to, point);
    to += size;
  }
  return to;
}

/** The text of these bytes. */
export function textOf(from: usize, size: usize): string {
  const text = __new(size << 1, idof<string>());
  const end = from + size;
  let to = text;
  while (from < end) {
    let point: u32 = load<u8>(from);
    if (point > 0x7f) {
      point = readPoint(from, end);
      if (point == NONE) point = REPLACEMENT;
      else from += sizeOf(point) - 1;
    }
    from++;
    if (point > 0xffff) {
      store<u16>(to, 0xd7c0 + (point >> 10));
      to += 2;
      point = 0xdc00 | (point & 0x3ff);
    }
    store<u16>(to, point);
    to += 2;
  }
  return changetype<string>(__renew(text, to - text));
}

/** The character that begins at this unit. */
function pointAt(text: string, i: i32): u32 {
  const at = changetype<usize>(text) + (<usize>i << 1);
  const unit: u32 = load<u16>(at);
  if (unit >> 11 != 0x1b) return unit;
  const low: u32 = i + 1 < text.length ? load<u16>(at, 2) : 0;
  return unit < 0xdc00 && low >> 10 == 0x37 ? (unit << 10) + low - 0x35fdc00 : REPLACEMENT;
}

/** Bytes of a character. */
function sizeOf(point: u32): usize {
  return 1 + usize(point > 0x7f) + usize(point > 0x7ff) + usize(point > 0xffff);
}

/** The character of several bytes that begins here. NONE: none does. */
function readPoint(from: usize, end: usize): u32 {
  const lead: u32 = load<u8>(from);
  // The lead has a one for each byte.
  const size = <usize>clz(~(lead << 24));
  if (size < 2 || size > 4 || size > end - from) return NONE;
  let point = lead & (0x7f >> <u32>size);
  for (let k: usize = 1; k < size; k++) {
    const next: u32 = load<u8>(from + k);
    if (next >> 6 != 2) return NONE;
    point = (point << 6) | (next & 0x3f);
  }
  return sizeOf(point) == size && point < 0x110000 && point >> 11 != 0x1b ? point : NONE;
}
