import { leb, section } from "../../preflight/binary/writer.ts";
import { HEAD } from "../../preflight/testing/binary.ts";

const [FUNCTIONS, CODE] = [3, 10];

/** One more function, as the last of a module in the text format: its code neither folds nor is quickly optimized. */
export function ballast(operations = 800): string {
  const step = (seed: number) =>
    `(local.set $x (i32.rem_u (i32.load (i32.and (local.get $x) (i32.const 65535))) (i32.or (local.get $y) (i32.const ${seed}))))`;
  return `(func (param $x i32) (param $y i32) (result i32) ${Array.from({ length: operations }, (_, i) => step(i)).join("\n")} (local.get $x))`;
}

/** The module with its last function `copies` times more. https://webassembly.github.io/spec/core/binary/modules.html */
export function multiplied(module: Uint8Array, copies: number): Uint8Array {
  const sections: Uint8Array[] = [HEAD];
  for (let at = HEAD.length; at < module.length; ) {
    const id = module[at] ?? 0;
    const size = unsigned(module, at + 1);
    const content = module.subarray(size.end, size.end + size.value);
    sections.push(section(id, id === FUNCTIONS || id === CODE ? longer(content, id === CODE, copies) : content));
    at = size.end + size.value;
  }
  return Buffer.concat(sections);
}

/** A vector with its last entry `copies` times more: a number, or (`isSized`) bytes after their length. */
function longer(vector: Uint8Array, isSized: boolean, copies: number): Uint8Array {
  const count = unsigned(vector, 0);
  let [last, at] = [count.end, count.end];
  while (at < vector.length) {
    last = at;
    const { value, end } = unsigned(vector, at);
    at = isSized ? end + value : end;
  }
  const entry = vector.subarray(last);
  return Buffer.concat([
    Uint8Array.from(leb(count.value + copies)),
    vector.subarray(count.end),
    ...Array.from({ length: copies }, () => entry),
  ]);
}

function unsigned(bytes: Uint8Array, from: number): { readonly value: number; readonly end: number } {
  let [value, end] = [0, from];
  for (let shift = 1; ; shift *= 128) {
    const byte = bytes[end++] ?? 0;
    value += (byte & 127) * shift;
    if (byte < 128) return { value, end };
  }
}
