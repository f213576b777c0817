import { ok, type Result } from "../../model/result.ts";
import { usage } from "./usage.ts";

/** What a flag lists that may be given several times, and each time with commas, as its environment variable has it. Fails with the first item that is wrong. */
export function readList<T>(values: readonly string[], flag: string, parse: (text: string) => Result<T>): Result<T[]> {
  const items: T[] = [];
  for (const text of values.flatMap((value) => value.split(","))) {
    const item = parse(text.trim());
    if (!item.ok) return usage(`${flag}: ${item.error.message}`);
    items.push(item.value);
  }
  return ok(items);
}
