import { oneLine } from "../../base/text.ts";

/**
 * Lines of a table. Columns are as wide as their widest cell and two spaces apart; no line ends in spaces. Without a head there are only rows.
 * Each cell is printed as one line, whatever it holds.
 */
export function table(head: readonly string[] | undefined, rows: readonly (readonly string[])[], indent = ""): string[] {
  const all = (head === undefined ? rows : [head, ...rows]).map((row) => row.map(oneLine));
  const widths: number[] = [];
  for (const row of all) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return all.map((row) => `${indent}${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd());
}
