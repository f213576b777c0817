import type { CrashJournal, Tried } from "../../model/crash-journal.ts";
import type { Filter } from "../../model/filter.ts";
import { fail, type Result } from "../../model/result.ts";
import { parseFilter } from "./filter.ts";

/** A spec with which the process ended this often is not tried again. */
export const SET_ASIDE_AFTER = 2;

/** Parses an object, unless the process ended over its spec before. `tried`: the same spec. */
export function parseUnlessSetAside(object: unknown, tried: Tried, crashes: CrashJournal): Result<Filter> {
  const ends = crashes.ends(tried);
  return ends < SET_ASIDE_AFTER ? crashes.attempt(tried, () => parseFilter(object)) : setAside(ends);
}

function setAside(ends: number): Result<Filter> {
  const message =
    `this spec was being worked on when Weir ended unexpectedly, ${ends} times within a day; it is not tried again; ` +
    "change the spec or start another version of Weir, and report it with the lines of the log that begin with fatal";
  return fail("SetAside", message);
}
