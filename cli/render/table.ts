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

/** One line from any text: control characters could move the cursor of the person who reads. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
}

/** At most `max` characters, the cut marked. */
export function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}
