/** Whole numbers of 64 bits as text and back: the compiler's own functions, which know other bases too, are five times as large. */
const DIGITS: usize = memory.data(40);

/** Whether a number of JSON has neither a fraction nor an exponent, and fits. */
export function isInteger(text: string): bool {
  const isNegative = text.startsWith("-");
  let value: i64 = 0;
  for (let i = i32(isNegative); i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9 || value < (i64.MIN_VALUE + digit) / 10) return false;
    value = value * 10 - digit;
  }
  return isNegative || value != i64.MIN_VALUE;
}

/** The number, where `isInteger`. */
export function integerOf(text: string): i64 {
  const isNegative = text.startsWith("-");
  let value: i64 = 0;
  for (let i = i32(isNegative); i < text.length; i++) value = value * 10 - (text.charCodeAt(i) - 0x30);
  return isNegative ? value : -value;
}

export function decimal(value: i64): string {
  let rest: u64 = value < 0 ? 0 - <u64>value : <u64>value;
  let at = DIGITS + 40;
  do {
    at -= 2;
    store<u16>(at, 0x30 + (rest % 10));
    rest /= 10;
  } while (rest > 0);
  if (value < 0) store<u16>((at -= 2), 0x2d);
  return String.UTF16.decodeUnsafe(at, DIGITS + 40 - at);
}
