/**
 * The most that a module may have of each thing. Counted before anything is made by the count. What V8 refuses, Envoy refuses: most numbers are V8's own
 * (`kV8MaxWasm...` in https://chromium.googlesource.com/v8/v8/+/refs/heads/main/src/wasm/wasm-limits.h).
 */
export const MODULE_LIMITS = {
  types: 1_000_000,
  functions: 1_000_000,
  globals: 1_000_000,
  tags: 1_000_000,
  tables: 100_000,
  /** https://webassembly.github.io/spec/js-api/index.html#limits; V8 reserves 8 GiB of addresses for each. */
  memories: 100,
  "data segments": 100_000,
  "element segments": 10_000_000,
  "parameters of a function": 1000,
  "results of a function": 1000,
  "fields of a struct": 10_000,
  "locals of a function": 50_000,
  "bytes of a function": 7_654_321,
  "bytes of a name": 100_000,
  /** Weir's own, V8's until 2024 (a million since): Envoy offers fewer than 200 functions. */
  imports: 100_000,
  exports: 100_000,
  /** Weir's own: linkers write fewer than 20. */
  "custom sections": 10_000,
  /** Weir's own, over all names that are kept: those of imports, exports and custom sections. */
  "bytes of names": 8 * 1024 * 1024,
  /** Weir's own, over the types of all imported and exported functions, which are kept. */
  "parameters and results": 1_000_000,
} as const;

export type Counted = keyof typeof MODULE_LIMITS;

/** The module is over a limit. Not thrown outside preflight/: whoever reads a module returns a failure instead. */
export class LimitError extends Error {}

/** Throws `LimitError` when there are too many. */
export function checkCount(what: Counted, count: number): void {
  const limit = MODULE_LIMITS[what];
  if (count > limit) throw new LimitError(`the module has too many ${what}: ${count}; the limit is ${limit}`);
}

/** Counts over several sections or entries. */
export class Tally {
  private readonly counts = new Map<Counted, number>();

  /** Throws `LimitError` when there are too many now. */
  add(what: Counted, count: number): void {
    const sum = (this.counts.get(what) ?? 0) + count;
    checkCount(what, sum);
    this.counts.set(what, sum);
  }
}
