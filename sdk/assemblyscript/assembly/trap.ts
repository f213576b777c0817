import { proxy_log } from "./abi/imports";
import { LogLevel } from "./abi/types";
import { writeUtf8 } from "./abi/utf8";

/**
 * What the compiler calls for `throw`, a failed `assert` and an access out of bounds: tells why and where, and traps. The VM is dead then: Envoy answers 500 to the
 * request under way, and to all others until it starts a new VM, or lets them pass, by the filter's `failurePolicy`.
 */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const why = message === null ? "" : message;
  const where = file === null ? "" : file;
  // Nothing is made but these bytes: a filter that joins no strings need not carry how.
  const bytes = heap.alloc(3 * (why.length + where.length) + 40);
  let end = writeUtf8(why, writeUtf8("abort: ", bytes));
  end = writeUtf8(where, writeUtf8(" (", end));
  end = writeDecimal(column, writeDecimal(line, end));
  store<u8>(end, 0x29);
  proxy_log(LogLevel.Critical, bytes, end + 1 - bytes);
  unreachable();
}

/** A colon and a number. */
function writeDecimal(value: u32, to: usize): usize {
  store<u8>(to++, 0x3a);
  let power: u32 = 1;
  while (value / power > 9) power *= 10;
  for (; power > 0; power /= 10) store<u8>(to++, 0x30 + ((value / power) % 10));
  return to;
}
