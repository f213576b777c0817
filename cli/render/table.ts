import { oneLine } from "../../base/text.ts";

/**
 * Lines of a table with columns padded to their widest cell, two spaces apart, nothing trailing. A head of `undefined` prints rows only.
 * Cells come out as one line each, whatever they hold.
 */
export function table(head: readonly string[] | undefined, rows: readonly (readonly string[])[], indent = ""): string[] {
  const all = (head === undefined ? rows : [head, ...rows]).map((row) => row.map(oneLine));
  const widths: number[] = [];
  for (const row of all) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return all.map((row) => `${indent}${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd());
}
