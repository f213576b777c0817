import { checkCount, type Tally } from "./limits.ts";
import type { Reader } from "./reader.ts";
import { readValueType } from "./types.ts";

/** Counts the functions of a code section, their sizes and their locals, and skips the instructions. https://webassembly.github.io/spec/core/binary/modules.html#code-section */
export function checkBodies(section: Reader): void {
  const count = section.unsigned();
  checkCount("functions", count);
  for (let left = count; left > 0; left -= 1) {
    const size = section.unsigned();
    checkCount("bytes of a function", size);
    const start = section.position();
    checkLocals(section);
    const rest = size - (section.position() - start);
    if (rest < 0) section.fail("the locals of a function run past its end");
    section.skip(rest);
  }
}

function checkLocals(section: Reader): void {
  let locals = 0;
  for (let groups = section.unsigned(); groups > 0; groups -= 1) {
    locals += section.unsigned();
    checkCount("locals of a function", locals);
    readValueType(section);
  }
}

/** Skips a constant expression. https://webassembly.github.io/spec/core/valid/instructions.html#constant-expressions */
export function skipConstant(section: Reader): void {
  for (;;) {
    const opcode = section.byte();
    if (opcode === 0x0b) return;
    skipOperands(section, opcode);
  }
}

/** Of the instructions that a constant may have. */
function skipOperands(section: Reader, opcode: number): void {
  if ((opcode >= 0x6a && opcode <= 0x6c) || (opcode >= 0x7c && opcode <= 0x7e)) return;
  switch (opcode) {
    case 0x23: // global.get
    case 0xd2: // ref.func
      section.unsigned();
      return;
    case 0x41: // i32.const
      section.signed(32);
      return;
    case 0x42: // i64.const
      section.signed(64);
      return;
    case 0x43: // f32.const
      section.skip(4);
      return;
    case 0x44: // f64.const
      section.skip(8);
      return;
    case 0xd0: // ref.null
      section.signed(33);
      return;
    case 0xfd: // v128.const
      section.unsigned();
      section.skip(16);
      return;
    case 0xfb: // structs, arrays and i31
      skipAllocation(section);
      return;
    default:
      section.fail(`unknown instruction 0x${opcode.toString(16)} in a constant`);
  }
}

/** struct.new and array.new name a type; array.new_fixed has a length too; conversions and ref.i31 have nothing. https://webassembly.github.io/spec/core/binary/instructions.html */
function skipAllocation(section: Reader): void {
  const operation = section.unsigned();
  if (operation <= 10) section.unsigned();
  if (operation === 8) section.unsigned();
}

/** The count at the head of a section whose entries nobody needs. */
export function countEntries(section: Reader, what: Parameters<Tally["add"]>[0], tally: Tally): number {
  const count = section.unsigned();
  tally.add(what, count);
  return count;
}
