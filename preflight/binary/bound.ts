import type { SizeLimits, WasmBinary } from "./binary.ts";
import { leb, section } from "./writer.ts";

/**
 * The module with the maximum of its own memories lowered, so that V8 lets them grow to `maxPages` (64 KiB each) in all and no further: each
 * of several gets an equal share. All other bytes stay the same. A memory that starts above its bound keeps that size: refuse what starts with too much first.
 */
export function boundMemory(bytes: Uint8Array, binary: WasmBinary, maxPages: number): Uint8Array {
  const old = binary.memorySection;
  if (old === undefined) return bytes;
  const imported = binary.imports.filter((entry) => entry.kind === "memory").length;
  const own = binary.memories.slice(imported);
  const share = Math.floor(maxPages / Math.max(1, binary.memories.length));
  const content = [...leb(own.length), ...own.flatMap((limits) => encodeLimits(limits, share))];
  return Buffer.concat([bytes.subarray(0, old.start), section(5, Uint8Array.from(content)), bytes.subarray(old.end)]);
}

function encodeLimits(limits: SizeLimits, maxPages: number): number[] {
  const max = Math.max(limits.min, Math.min(limits.max ?? maxPages, maxPages));
  const flags = 1 | (limits.shared ? 2 : 0) | (limits.wide ? 4 : 0);
  return [flags, ...leb(limits.min), ...leb(max)];
}
