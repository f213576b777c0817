/**
 * True when the whole text is of the pattern: `*` stands for any characters but a slash, `**` for any. Nothing else is special. Never backtracks: it takes time in
 * proportion to the two lengths multiplied, whatever they hold.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  const parts = pattern.match(/\*\*+|\*|[^*]/gsu) ?? [];
  // Which parts could come next, for each beginning of the text.
  let open = reached(parts, new Set([0]));
  for (const character of text) {
    const next = new Set<number>();
    for (const at of open) {
      const part = parts[at];
      if (part === undefined) continue;
      if (part.startsWith("**") || (part === "*" && character !== "/")) next.add(at);
      else if (part === character) next.add(at + 1);
    }
    if (next.size === 0) return false;
    open = reached(parts, next);
  }
  return open.has(parts.length);
}

/** A star may stand for nothing. */
function reached(parts: readonly string[], open: Set<number>): Set<number> {
  for (const at of open) if (parts[at]?.startsWith("*")) open.add(at + 1);
  return open;
}
