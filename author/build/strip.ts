import { ok, type Result } from "../../model/result.ts";
import { readSections, type Section } from "../../preflight/index.ts";

/** The names of functions, which Envoy shows in the stack of a trap: https://webassembly.github.io/spec/core/appendix/custom.html#name-section */
const NAMES = "name";

/** What remains of a module. */
export interface Stripped {
  readonly bytes: Uint8Array;
  /** As they stand in `bytes`. */
  readonly sections: readonly Section[];
}

/** The module without what no proxy reads: custom sections (debug information, producers, features), and names unless they are kept. Fails with `MalformedModule`. */
export function strip(module: Uint8Array, keepNames: boolean): Result<Stripped> {
  const read = readSections(module);
  if (!read.ok) return read;
  const kept = read.value.filter(({ name, isCustom }) => !isCustom || (keepNames && name === NAMES));
  const first = Math.min(module.length, read.value[0]?.start ?? module.length);
  const bytes = Buffer.concat([module.subarray(0, first), ...kept.map(({ start, end }) => module.subarray(start, end))]);
  let at = first;
  const sections = kept.map((section) => {
    const start = at;
    at += section.end - section.start;
    return { ...section, start, end: at };
  });
  return ok({ bytes, sections });
}
