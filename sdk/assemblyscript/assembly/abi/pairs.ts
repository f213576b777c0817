import { at, CELL, SIZE } from "./memory";
import { textOf, utf8 } from "./utf8";

/** A name and its value. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#serialization */
export class Header {
  constructor(
    public name: string,
    public value: string,
  ) {}
}

/** How the ABI writes a list of headers: the count, the sizes of names and values, then names and values, each with a zero behind it. */
export function encodePairs(headers: Header[] | null): ArrayBuffer {
  if (headers === null || headers.length == 0) return new ArrayBuffer(0);
  const count = headers.length;
  const texts = new Array<ArrayBuffer>(2 * count);
  let total: usize = 4 + 8 * count;
  for (let i = 0; i < count; i++) {
    texts[2 * i] = utf8(headers[i].name);
    texts[2 * i + 1] = utf8(headers[i].value);
    total += texts[2 * i].byteLength + texts[2 * i + 1].byteLength + 2;
  }
  const bytes = new ArrayBuffer(<i32>total);
  const start = at(bytes);
  store<u32>(start, count);
  let data = start + 4 + 8 * count;
  for (let i = 0; i < 2 * count; i++) {
    const size = texts[i].byteLength;
    store<u32>(start + 4 + 4 * i, size);
    memory.copy(data, at(texts[i]), size);
    data += size + 1;
  }
  return bytes;
}

/** The list that the host left, whose address and size are in CELL and SIZE. */
export function takePairs(): Header[] {
  const headers: Header[] = [];
  const size = load<usize>(SIZE);
  if (size == 0) return headers;
  const start = load<usize>(CELL);
  // An empty map may be a single zero.
  const count: u32 = size < 4 ? 0 : load<u32>(start);
  let data = start + 4 + 8 * count;
  for (let i: u32 = 0; i < count; i++) {
    const nameSize = load<u32>(start + 4 + 8 * i);
    const valueSize = load<u32>(start + 8 + 8 * i);
    const name = textOf(data, nameSize);
    const value = textOf(data + nameSize + 1, valueSize);
    data += nameSize + valueSize + 2;
    headers.push(new Header(name, value));
  }
  heap.free(start);
  return headers;
}
