import type { CountedFunction } from "../../preflight/index.ts";
import type { Language } from "../project/language.ts";

/** How often the functions of a module were entered. */
export interface Coverage {
  /** Functions of the author's own: those of the language and its libraries are left out as far as their names tell. */
  readonly functions: readonly CoveredFunction[];
  /** All functions of the module, and those of them that were entered. */
  readonly all: number;
  readonly entered: number;
}

export interface CoveredFunction {
  readonly name: string;
  readonly count: number;
}

/** Names of functions that come from a language's library, an SDK or the compiler. */
const FOREIGN: Readonly<Record<Language, RegExp>> = {
  assemblyscript: /^~lib\/|^(?:export:)?node_modules\/|^~|@weir-dev\/|^(?:start|abort)$|\$\w+$/,
  rust: /^(?:<?(?:core|alloc|std|hashbrown|proxy_wasm|dlmalloc|serde\w*|itoa|ryu|memchr|rustc_demangle|compiler_builtins|wasi|log)\b|_ZN(?:4core|5alloc|3std|9hashbrown|10proxy_wasm|8dlmalloc|5serde)|__|memcpy$|memset$|memmove$|memcmp$|rust_|malloc$|free$)/,
  go: /^(?!main\.)/,
  c: /^(?:__|_|mem(?:cpy|set|move|cmp)$|malloc$|free$|calloc$|realloc$|dl\w*alloc$|dlfree$|sbrk$|abort$|str\w+$)/,
  cpp: /^(?:__|_(?!Z)|_ZNSt|_ZNKSt|_ZNSt3|std::|operator |mem(?:cpy|set|move|cmp)$|malloc$|free$|calloc$|realloc$|dl\w*alloc$|dlfree$|sbrk$|abort$|str\w+$)/,
  zig: /^(?:std\.|builtin\.|compiler_rt\.|debug\.|mem\.|fmt\.|heap\.|__|mem(?:cpy|set|move|cmp)$)/,
};

/** Adds up counts of several runs. `counts` are in the order of the functions. `language` is `undefined` for a module from elsewhere: then all count as the author's own. */
export function coverageOf(functions: readonly CountedFunction[], counts: readonly number[], language: Language | undefined): Coverage {
  const foreign = language === undefined ? undefined : FOREIGN[language];
  const all = functions.map(({ index, name }, at) => ({ name: name ?? `function ${index}`, count: counts[at] ?? 0 }));
  return {
    functions: all.filter(({ name }) => foreign === undefined || !foreign.test(name)),
    all: all.length,
    entered: all.filter(({ count }) => count > 0).length,
  };
}
