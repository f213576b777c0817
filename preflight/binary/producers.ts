import { MalformedError } from "./reader.ts";
import { walkSections } from "./sections.ts";

/** What made a module, as its compiler says: names with versions, such as `Rust 1.90` or `clang 19`. */
export interface Producers {
  readonly language: readonly string[];
  readonly processedBy: readonly string[];
  readonly sdk: readonly string[];
}

const MAX_VALUES = 16;
const MAX_LENGTH = 100;

/** Reads the custom section `producers`; empty where there is none, or it is not well-formed: it only tells. https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md */
export function readProducers(bytes: Uint8Array): Producers {
  const fields = new Map<string, string[]>();
  try {
    for (const { id, content } of walkSections(bytes)) {
      if (id !== 0 || content.name() !== "producers") continue;
      for (let left = content.unsigned(); left > 0; left--) {
        const name = content.name();
        const values: string[] = [];
        for (let count = content.unsigned(); count > 0; count--) {
          const value = `${content.name()} ${content.name()}`.trim();
          if (values.length < MAX_VALUES && /^[\x20-\x7e]+$/.test(value)) values.push(value.slice(0, MAX_LENGTH));
        }
        fields.set(name, values);
      }
      break;
    }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
  }
  const of = (name: string) => fields.get(name) ?? [];
  return { language: of("language"), processedBy: of("processed-by"), sdk: of("sdk") };
}
