/**
 * The candidate that `word` most likely meant, whatever the case: at most `maxEdits` away, or begun by it. `undefined` when none is near.
 */
export function closest(word: string, candidates: readonly string[], maxEdits = 2): string | undefined {
  const typed = word.toLowerCase();
  const [best] = candidates
    .map((candidate) => ({ candidate, edits: edits(typed, candidate.toLowerCase()) }))
    .filter(({ candidate, edits }) => edits <= Math.min(maxEdits, candidate.length - 1))
    .sort((a, b) => a.edits - b.edits);
  return best?.candidate;
}

function edits(word: string, candidate: string): number {
  return word.length > 1 && candidate.startsWith(word) ? 0 : distance(word, candidate);
}

/** Levenshtein distance, row by row. Of a long `a` only the first 64 characters count. */
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
