import { textOf } from "./utf8";

/** Where the host writes results: two words for an address and a size, and one more. The host writes before it returns, so one place serves all calls. */
export const CELL: usize = memory.data(16, 8);
export const SIZE: usize = CELL + 4;
export const THIRD: usize = CELL + 8;

/** What the host asks for before it hands bytes over. The filter owns them: `takeText` and `takeBytes` give them back. */
export function allocate(size: usize): usize {
  return heap.alloc(size);
}

/** The text that the host left, whose address and size are in CELL and SIZE. Bytes that are no UTF-8 become U+FFFD: see `takeBytes`. */
export function takeText(): string {
  const size = load<usize>(SIZE);
  if (size == 0) return "";
  const data = load<usize>(CELL);
  const text = textOf(data, size);
  heap.free(data);
  return text;
}

/** As `takeText`, the bytes as they are. */
export function takeBytes(): ArrayBuffer {
  const size = load<usize>(SIZE);
  const bytes = changetype<ArrayBuffer>(__new(size, idof<ArrayBuffer>()));
  if (size == 0) return bytes;
  const data = load<usize>(CELL);
  memory.copy(changetype<usize>(bytes), data, size);
  heap.free(data);
  return bytes;
}

/** Where bytes begin. They stay there: the collector moves nothing. */
// @ts-ignore: decorator
@inline
export function at(bytes: ArrayBuffer): usize {
  return changetype<usize>(bytes);
}
