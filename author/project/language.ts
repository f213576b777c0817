/** The languages that a project can be written in, by their names in `weir.yaml`. */
export const LANGUAGES = ["assemblyscript", "rust", "go", "c", "cpp", "zig"] as const;
export type Language = (typeof LANGUAGES)[number];

export interface LanguageFacts {
  /** As people write it. */
  readonly title: string;
  /** Globs of what a build reads, below the project's folder. */
  readonly sources: readonly string[];
  /** Where the languages that compile one file and what it imports find it; the first of these that is there. */
  readonly entries: readonly string[];
}

export const FACTS: Readonly<Record<Language, LanguageFacts>> = {
  assemblyscript: {
    title: "AssemblyScript",
    sources: ["assembly/**/*.ts", "asconfig.json", "package.json", "package-lock.json"],
    entries: ["assembly/filter.ts", "assembly/index.ts"],
  },
  rust: { title: "Rust", sources: ["src/**/*.rs", "build.rs", "Cargo.toml", "Cargo.lock", ".cargo/config.toml"], entries: [] },
  go: { title: "Go", sources: ["**/*.go", "go.mod", "go.sum"], entries: [] },
  c: { title: "C", sources: ["src/**/*.{c,h}"], entries: [] },
  cpp: { title: "C++", sources: ["src/**/*.{cc,cpp,cxx,h,hh,hpp}"], entries: [] },
  zig: { title: "Zig", sources: ["src/**/*.zig"], entries: ["src/filter.zig", "src/main.zig"] },
};
