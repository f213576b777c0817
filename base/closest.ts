/** The candidate that `word` most likely meant: at most two edits away, or begun by it. `undefined` when none is near. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const [best] = candidates
    .map((candidate) => ({ candidate, edits: word.length > 1 && candidate.startsWith(word) ? 0 : distance(word, candidate) }))
    .filter(({ candidate, edits }) => edits <= Math.min(2, candidate.length - 1))
    .sort((a, b) => a.edits - b.edits);
  return best?.candidate;
}

/** Levenshtein distance, row by row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= Math.min(a.length, 64); i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
