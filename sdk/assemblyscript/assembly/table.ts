/** What the proxy knows by a number, and a table keeps by it. */
export abstract class Numbered {
  /** The proxy's number for it; 0 before it has one. */
  id: u32;
  /** The next in its chain of the table. */
  next: Numbered | null;
}

/** A power of two. With a thousand requests under way at a time on one worker, a chain has eight. */
const CHAINS = 128;

/** A hash table whose chains go through what it keeps: the compiler's own Map would be an eighth of a small filter. The proxy counts, so that chains are about as long as each other. */
export type Table = StaticArray<Numbered | null>;

export function emptyTable(): Table {
  return changetype<Table>(__new((<usize>CHAINS) << alignof<usize>(), idof<Table>()));
}

export function find(table: Table, id: u32): Numbered | null {
  let entry = unchecked(table[id & (CHAINS - 1)]);
  while (entry !== null && entry.id != id) entry = entry.next;
  return entry;
}

export function add(table: Table, entry: Numbered): void {
  const chain = entry.id & (CHAINS - 1);
  entry.next = unchecked(table[chain]);
  unchecked((table[chain] = entry));
}

/** Takes out an entry that is in it. */
export function remove(table: Table, entry: Numbered): void {
  const chain = entry.id & (CHAINS - 1);
  let before = unchecked(table[chain]);
  if (before === entry) unchecked((table[chain] = entry.next));
  while (before !== null) {
    const next = before.next;
    if (next === entry) before.next = entry.next;
    before = next;
  }
}
