import type { BuildFailure, Built, Progress } from "../../author/index.ts";
import { describeMs } from "../../base/duration.ts";
import { oneLine } from "../../base/text.ts";
import { table } from "./table.ts";
import { renderVerdict } from "./verdict.ts";

/** What `weir build` prints about a module. `name` is its path as the person would write it. */
export function renderBuilt(name: string, { toolchain, seconds, wasmDigest, bytes, sections, proof, imports }: Built): string {
  const head = [
    `built ${oneLine(name)} in ${describeMs(seconds * 1000)} with ${oneLine(toolchain)}`,
    `  module  ${wasmDigest} (${bytes.length} bytes)`,
  ];
  const rows = sections.map((section) => [section.name, String(section.size)]);
  const verdict =
    proof === undefined ? `not proved; it imports ${imports.map(oneLine).join(" ") || "nothing"}\n` : renderVerdict(oneLine(name), proof);
  return `${[...head, "  sections, in bytes", ...table(undefined, rows, "    ")].join("\n")}\n${verdict}`;
}

/** What the compiler said, whole, below what it means. */
export function renderBuildFailure({ message, words = "" }: BuildFailure): string {
  const said = words.trim();
  return `error: ${oneLine(message)}\n${said === "" ? "" : `${said}\n`}`;
}

/** A line about what a build does now; `undefined`: nothing that a person needs to know. */
export function renderProgress(progress: Progress): string | undefined {
  switch (progress.step) {
    case "compile":
      return `compiling with ${oneLine(progress.toolchain)}`;
    case "optimize":
      return `optimizing for ${progress.goal} with binaryen`;
    case "prove":
      return "proving the module";
    case "line":
      return undefined;
  }
}
