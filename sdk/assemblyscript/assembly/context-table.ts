import { Context } from "./context";

/**
 * The contexts that the proxy has, by number. A hash table whose chains go through the contexts themselves: the compiler's own Map would be an eighth of
 * a small filter. It grows with the requests that are under way at a time, and stays as large as it was at most.
 */
let buckets = new StaticArray<Context | null>(8);
let count: i32 = 0;

export function findContext(id: u32): Context | null {
  let context = unchecked(buckets[slot(id)]);
  while (context !== null && context.id != id) context = context.next;
  return context;
}

export function addContext(context: Context): void {
  if (++count > buckets.length) grow();
  insert(context);
}

export function removeContext(id: u32): void {
  const at = slot(id);
  let before: Context | null = null;
  let context = unchecked(buckets[at]);
  while (context !== null) {
    if (context.id == id) {
      if (before === null) unchecked((buckets[at] = context.next));
      else before.next = context.next;
      count--;
      return;
    }
    before = context;
    context = context.next;
  }
}

function grow(): void {
  const old = buckets;
  buckets = new StaticArray<Context | null>(old.length << 1);
  for (let i = 0; i < old.length; i++) {
    let context = unchecked(old[i]);
    while (context !== null) {
      const next = context.next;
      insert(context);
      context = next;
    }
  }
}

function insert(context: Context): void {
  const at = slot(context.id);
  context.next = unchecked(buckets[at]);
  unchecked((buckets[at] = context));
}

/** The proxy counts its contexts: neighbours fall into different buckets. */
// @ts-ignore: decorator
@inline
function slot(id: u32): i32 {
  return <i32>(id & (buckets.length - 1));
}
