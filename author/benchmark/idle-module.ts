const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
const section = (id: number, content: readonly number[]): number[] => [id, content.length, ...content];

/**
 * The least that a proxy loads: an ABI marker, an allocator and a page of memory; it has no callbacks. What an exchange through it takes is the host's own.
 * https://webassembly.github.io/spec/core/binary/modules.html
 */
export const IDLE_MODULE: Uint8Array = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  // Types: () -> (), (i32) -> i32.
  ...section(1, [2, 0x60, 0, 0, 0x60, 1, 0x7f, 1, 0x7f]),
  ...section(3, [2, 0, 1]),
  ...section(5, [1, 0, 1]),
  ...section(7, [3, ...name("memory"), 2, 0, ...name("proxy_abi_version_0_2_1"), 0, 0, ...name("malloc"), 0, 1]),
  // The marker does nothing; the allocator gives address 1024.
  ...section(10, [2, 2, 0, 0x0b, 5, 0, 0x41, 0x80, 0x08, 0x0b]),
]);
