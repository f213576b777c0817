import { leb, named, section } from "../binary/writer.ts";

/** Pieces of WebAssembly binaries, for what the text format does not write. https://webassembly.github.io/spec/core/binary/ */
export const HEAD = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** A vector of `count` times the same bytes. */
export function vector(count: number, unit: readonly number[]): Uint8Array {
  return Buffer.concat([Uint8Array.from(leb(count)), Buffer.alloc(count * unit.length, Uint8Array.from(unit))]);
}

export function binary(...sections: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([HEAD, ...sections]);
}

/** The parts of a filter that differ. */
export interface Parts {
  /** Types beside `() -> ()` (0) and `(i32) -> i32` (1). */
  readonly types?: readonly (readonly number[])[];
  /** Sections between types and functions' bodies, by their id. */
  readonly sections?: ReadonlyMap<number, Uint8Array>;
  /** The body of `_initialize`, without its last `end`: locals, then instructions. Default: nothing. */
  readonly start?: Uint8Array;
}

/** A filter with one page of memory, an allocator and `_initialize`. */
export function filterBinary({ types = [], sections = new Map(), start = Uint8Array.of(0) }: Parts): Uint8Array {
  const all = [[0x60, 0, 0], [0x60, 1, 0x7f, 1, 0x7f], ...types];
  const exports = [
    ["memory", 2, 0] as const,
    ["proxy_abi_version_0_2_1", 0, 0] as const,
    ["malloc", 0, 1] as const,
    ["_initialize", 0, 2] as const,
  ];
  const body = (content: Uint8Array): Uint8Array => Buffer.concat([Uint8Array.from(leb(content.length + 1)), content, Uint8Array.of(0x0b)]);
  const standard: [number, Uint8Array][] = [
    [1, Uint8Array.from([...leb(all.length), ...all.flat()])],
    [3, Uint8Array.of(3, 0, 1, 0)],
    [5, Uint8Array.of(1, 0, 1)],
    [7, Uint8Array.from([exports.length, ...exports.flatMap(([name, ...rest]) => [...named(name), ...rest])])],
    [10, Buffer.concat([Uint8Array.of(3), body(Uint8Array.of(0)), body(Uint8Array.of(0, 0x41, 0x80, 0x08)), body(start)])],
  ];
  const merged = [...new Map([...standard, ...sections])].sort(([a], [b]) => a - b);
  return binary(...merged.map(([id, content]) => section(id, content)));
}
