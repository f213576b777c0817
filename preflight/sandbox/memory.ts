import type { ProofProblem } from "../../model/verdict.ts";
import type { Plugin } from "../host/index.ts";

/** Checked after a phase. V8's own bound is above the limit, so that a module that grows step by step is seen to pass it. */
export function memoryProblem(plugin: Plugin, maxPages: number): ProofProblem | undefined {
  const pages = plugin.memoryPages();
  if (pages <= maxPages) return undefined;
  const size = (count: number): string => `${count} pages of memory (${Math.round(count / 16)} MiB)`;
  return { reason: "MemoryLimit", message: `the module took ${size(pages)}; the limit is ${size(maxPages)}` };
}
