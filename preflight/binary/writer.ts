/** Pieces of WebAssembly binaries. https://webassembly.github.io/spec/core/binary/ */

/** Unsigned LEB128. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}

export function section(id: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(id, ...leb(content.length)), content]);
}

/** A text as the binary has it: its length and its bytes. */
export function named(text: string): number[] {
  return [...leb(text.length), ...Buffer.from(text)];
}
