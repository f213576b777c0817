import { fail, ok, type Result } from "../../model/result.ts";
import { LimitError } from "./limits.ts";
import { createReader, MalformedError, type Reader } from "./reader.ts";

/** A section of a module, as it stands in the binary. */
export interface Section {
  /** `code`, `data`; a custom section has its own name. */
  readonly name: string;
  readonly isCustom: boolean;
  /** Offsets of its id byte and of the byte after it. */
  readonly start: number;
  readonly end: number;
}

/** By id: https://webassembly.github.io/spec/core/binary/modules.html#sections */
const NAMES = [
  ...["custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data"],
  ...["data count", "tag"],
];
const PREAMBLE = 8;
/** More than any compiler writes. */
const MAX_SECTIONS = 1_000;

/** A section with its head: its content begins where the reader stands. */
export interface RawSection extends Pick<Section, "start" | "end"> {
  readonly id: number;
  readonly content: Reader;
}

/** Goes through the sections of a core module. Throws `MalformedError`. */
export function* walkSections(bytes: Uint8Array): Generator<RawSection, void> {
  const reader = createReader(bytes, PREAMBLE);
  while (!reader.done()) {
    const start = reader.position();
    const id = reader.byte();
    const content = reader.slice(reader.unsigned());
    yield { id, start, end: reader.position(), content };
  }
}

/** The sections of a core module, in order. Reads their heads only. Fails with `MalformedModule` or `ModuleTooLarge`. */
export function readSections(bytes: Uint8Array): Result<readonly Section[]> {
  const sections: Section[] = [];
  try {
    for (const { id, start, end, content } of walkSections(bytes)) {
      const isCustom = id === 0;
      sections.push({ name: isCustom ? content.name() : (NAMES[id] ?? `section ${id}`), isCustom, start, end });
      if (sections.length > MAX_SECTIONS) return fail("ModuleTooLarge", `the module has more than ${MAX_SECTIONS} sections`);
    }
    return ok(sections);
  } catch (error) {
    return unread(error);
  }
}

/** The failure that an error of reading a module is. Throws any other error. */
export function unread(error: unknown): Result<never> {
  if (error instanceof MalformedError) return fail("MalformedModule", `the module is malformed at byte ${error.offset}: ${error.message}`);
  if (error instanceof LimitError) return fail("ModuleTooLarge", error.message);
  throw error;
}
