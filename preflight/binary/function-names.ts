import { createReader, type Reader } from "./reader.ts";

const FUNCTIONS = 1;

/**
 * Readers of the maps from functions to their names, of which a `name` section has one. Throws `MalformedError`.
 * https://webassembly.github.io/spec/core/appendix/custom.html#function-names
 */
export function* functionNameMaps(
  module: Uint8Array,
  { start, end }: { readonly start: number; readonly end: number },
): Generator<Reader, void> {
  const reader = createReader(module, start, end);
  while (!reader.done()) {
    const id = reader.byte();
    const content = reader.slice(reader.unsigned());
    if (id === FUNCTIONS) yield content;
  }
}
