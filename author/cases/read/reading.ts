import { parseDuration } from "../../../base/duration.ts";
import type { Failure } from "../../../model/result.ts";
import type { Place } from "../../yaml/place.ts";

/** Longest text of a field that is no body, in characters. */
const MAX_TEXT = 64 * 1024;
/** Longest list of a file of cases. */
const MAX_ITEMS = 1000;
const DAY_MS = 86_400_000;

/** Reads a file of cases and keeps the first thing that is wrong. What stands in for a wrong value is never used: the file is refused. */
export class Reading {
  failure: Failure | undefined;

  wrong(place: Place, what: string): void {
    this.failure ??= place.wrong(what).error;
  }

  /** A map that has no other keys than these. */
  map(place: Place, known: readonly string[]): void {
    if (!place.isMap) this.wrong(place, `must be a map of ${known.join(", ")}`);
    this.failure ??= place.unknownKey(known);
  }

  list(place: Place | undefined): readonly Place[] {
    if (place === undefined) return [];
    if (!place.isList) this.wrong(place, "must be a list");
    const items = place.items();
    if (items.length > MAX_ITEMS) this.wrong(place, `has ${items.length} items; the limit is ${MAX_ITEMS}: put some into another file`);
    return items;
  }

  /** A text, or a number or a boolean as it is written where that is clear. */
  text(place: Place, max = MAX_TEXT): string {
    const text = textOf(place.value);
    if (text === undefined) this.wrong(place, typeof place.value === "number" ? 'must be a text: put "" around it' : "must be a text");
    else if (text.length > max) this.wrong(place, `is longer than ${max} characters`);
    return text ?? "";
  }

  optionalText(place: Place | undefined): string | undefined {
    return place === undefined ? undefined : this.text(place);
  }

  flag(place: Place | undefined): boolean {
    const value = place?.value ?? false;
    if (place !== undefined && typeof value !== "boolean") this.wrong(place, "must be true or false");
    return value === true;
  }

  whole(place: Place | undefined, least: number, most: number, fallback: number): number {
    if (place === undefined) return fallback;
    const { value } = place;
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    this.wrong(place, `must be a whole number from ${least} to ${most}`);
    return fallback;
  }

  choice<T extends string>(place: Place | undefined, choices: readonly T[]): T | undefined {
    if (place === undefined) return undefined;
    const chosen = choices.find((one) => one === place.value);
    if (chosen === undefined) this.wrong(place, `must be one of ${choices.join(", ")}`);
    return chosen;
  }

  /** `1s`, `250ms` -> milliseconds. */
  duration(place: Place | undefined, fallback: number): number {
    if (place === undefined) return fallback;
    const ms = typeof place.value === "string" ? parseDuration(place.value) : undefined;
    if (ms === undefined || ms > DAY_MS) this.wrong(place, "must be a time such as 250ms, 1.5s or 2m, of at most a day");
    return ms ?? fallback;
  }
}

/** A fraction is none: 1.50 would come as 1.5. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  const clear = typeof value === "boolean" || typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
  return clear ? String(value) : undefined;
}
