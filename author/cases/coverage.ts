import type { CountedFunction } from "../../preflight/index.ts";
import type { Language } from "../project/language.ts";
import { readRustName } from "./rust-name.ts";

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
  // What is not mangled is the SDK's and the compiler's, but for what a filter starts with.
  rust: /^(?!_start$|_initialize$|_R|_ZN)[_a-z]\w*$/,
  go: /^(?!main\.)/,
  c: /^(?:__|_|mem(?:cpy|set|move|cmp)$|malloc$|free$|calloc$|realloc$|dl\w*alloc$|dlfree$|sbrk$|abort$|str\w+$)/,
  cpp: /^(?:__|_(?!Z)|_ZNSt|_ZNKSt|_ZNSt3|std::|operator |mem(?:cpy|set|move|cmp)$|malloc$|free$|calloc$|realloc$|dl\w*alloc$|dlfree$|sbrk$|abort$|str\w+$)/,
  zig: /^(?:std\.|builtin\.|compiler_rt\.|debug\.|mem\.|fmt\.|heap\.|__|mem(?:cpy|set|move|cmp)$)/,
};

/** Crates of the language, and those that filters use. */
const CRATES = new Set(
  `core alloc std proc_macro test __rustc compiler_builtins panic_abort panic_unwind dlmalloc hashbrown rustc_demangle wasi cfg_if
    proxy_wasm log serde serde_core serde_json itoa ryu zmij memchr base64 bytes http httparse url percent_encoding idna regex regex_automata regex_syntax aho_corasick
    chrono time uuid anyhow thiserror prost protobuf once_cell lazy_static smallvec sha1 sha2 hmac digest block_buffer crypto_common generic_array`.split(
    /\s+/,
  ),
);

/** Marks the version of proxy-wasm, and never runs: https://github.com/proxy-wasm/spec */
const MARKER = /^(?:proxy_)?abi_?version\w*$/i;

/** Adds up counts of several runs. `counts` are in the order of the functions. `language` is `undefined` for a module from elsewhere: then all count as the author's own. */
export function coverageOf(functions: readonly CountedFunction[], counts: readonly number[], language: Language | undefined): Coverage {
  const all = functions.map(({ index, name }, at) => ({ name: name ?? `function ${index}`, count: counts[at] ?? 0 }));
  return {
    functions: all.flatMap(({ name, count }) => {
      const own = ownName(name, language);
      return own === undefined ? [] : [{ name: own, count }];
    }),
    all: all.length,
    entered: all.filter(({ count }) => count > 0).length,
  };
}

/** The name as people read it; `undefined`: the function is not the author's own. */
function ownName(name: string, language: Language | undefined): string | undefined {
  if (MARKER.test(name) || /^_Z\d+abi_?version/i.test(name)) return undefined;
  if (language === undefined) return name;
  const rust = language === "rust" ? readRustName(name) : undefined;
  if (rust !== undefined) return rust.crates.length > 0 && rust.crates.some((crate) => !CRATES.has(crate)) ? rust.text : undefined;
  return FOREIGN[language].test(name) ? undefined : name;
}
