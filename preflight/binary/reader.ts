import { checkCount } from "./limits.ts";

/** Thrown by the reader. Not thrown outside preflight/: whoever reads a module returns a failure instead. */
export class MalformedError extends Error {
  /** Byte offset in the module where reading stopped. */
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Reads a WebAssembly binary forwards, never past `end`. https://webassembly.github.io/spec/core/binary/ */
export interface Reader {
  position(): number;
  done(): boolean;
  byte(): number;
  /** The next byte, without moving; -1 at the end. */
  peek(): number;
  /** Unsigned LEB128 of at most `bits` bits (32 by default; up to 64 come back as a number, exact up to 2^53). */
  unsigned(bits?: number): number;
  /** Skips a signed LEB128 of at most `bits` bits and returns its value when it fits 32 bits. */
  signed(bits: number): number;
  name(): string;
  skip(count: number): void;
  /** A reader over the next `count` bytes; this one moves behind them. */
  slice(count: number): Reader;
  fail(message: string): never;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A reader over `bytes[start, end)`; offsets in errors are those of the whole module. */
export function createReader(bytes: Uint8Array, start = 0, end = bytes.length): Reader {
  let at = start;
  const fail = (message: string): never => {
    throw new MalformedError(message, at);
  };
  const need = (count: number): void => {
    if (count > end - at) fail(`unexpected end: ${count} more bytes announced, ${end - at} there`);
  };
  const byte = (): number => {
    need(1);
    return bytes[at++] ?? 0;
  };
  return {
    position: () => at,
    done: () => at >= end,
    byte,
    peek: () => (at < end ? (bytes[at] ?? -1) : -1),
    unsigned(bits = 32) {
      let value = 0;
      for (let shift = 0; shift < bits; shift += 7) {
        const next = byte();
        value += (next & 0x7f) * 2 ** shift;
        if ((next & 0x80) === 0) return value < 2 ** bits ? value : fail(`integer too large for ${bits} bits`);
      }
      return fail(`integer longer than ${bits} bits`);
    },
    signed(bits) {
      let value = 0;
      for (let shift = 0; shift < bits; shift += 7) {
        const next = byte();
        value += (next & 0x7f) * 2 ** shift;
        if ((next & 0x80) === 0) return (next & 0x40) === 0 ? value : value - 2 ** (shift + 7);
      }
      return fail(`integer longer than ${bits} bits`);
    },
    name() {
      const length = this.unsigned();
      checkCount("bytes of a name", length);
      need(length);
      const text = bytes.subarray(at, at + length);
      at += length;
      try {
        return utf8.decode(text);
      } catch {
        return fail("name is not UTF-8");
      }
    },
    skip(count) {
      need(count);
      at += count;
    },
    slice(count) {
      need(count);
      at += count;
      return createReader(bytes, at - count, at);
    },
    fail,
  };
}
