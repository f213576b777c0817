import { digestOf } from "../../model/digest.ts";
import { printExactJson } from "../../model/exact-json.ts";
import type { FilterKey } from "../../model/filter.ts";
import { type DecidedAction, decideAction, type FilterAction, withCause } from "../../model/filter-action.ts";
import type { WasmFilter, WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import type { Person } from "../../model/people.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Look } from "../pages/act.ts";

export interface ActingInput {
  readonly person: Person;
  readonly key: FilterKey;
  readonly action: FilterAction;
  /** Of the filter, where the store of its spec has none. */
  readonly status: WasmFilterStatus | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The status of a filter is written while people look at it, and each write is a new version: what they saw still counts then. */
const TRIES = 5;

/** What an action would do, as the person's own rights allow it. Changes nothing. */
export async function lookAt(input: ActingInput): Promise<Result<Look>> {
  for (let left = TRIES; ; left--) {
    const read = await readFor(input);
    if (!read.ok) return read;
    const { filter, decided, stamp } = read.value;
    const after = isEmpty(decided) ? ok(filter) : await patch(input, filter, decided, true);
    if (left > 1 && isConflict(after)) continue;
    return ok({ filter, decided, stamp, after });
  }
}

/** Does it, if what the person saw (`seen`, a stamp) is still so: a dry run, then the change itself, each bound to the version that was read. */
export async function act(input: ActingInput & { readonly seen: string; readonly cause: string }): Promise<Result<DecidedAction>> {
  for (let left = TRIES; ; left--) {
    const read = await readFor(input);
    if (!read.ok) return read;
    const { filter, decided, stamp } = read.value;
    const caused = { ...decided, patch: withCause(decided.patch, input.cause) };
    const dry = await patch(input, filter, caused, true);
    if (left > 1 && isConflict(dry)) continue;
    if (!dry.ok) return dry;
    if (stamp !== input.seen)
      return fail("Conflict", "the filter is no more as this page showed it: somebody, or its rollout, changed it; look at it again");
    if (isEmpty(decided)) return fail("Conflict", `nothing would change: it is ${decided.said}`);
    const done = await patch(input, filter, caused, false);
    if (left > 1 && isConflict(done)) continue;
    return done.ok ? ok(decided) : done;
  }
}

async function readFor({ person, key, action, status, now }: ActingInput) {
  const read = await person.read(key);
  if (!read.ok) return read;
  const filter = read.value.status === undefined && status !== undefined ? { ...read.value, status } : read.value;
  const decided = decideAction(filter, action, { now });
  if (!decided.ok) return decided;
  // Of a value that has the time in it, the stamp has none.
  const timeless = decideAction(filter, action, { now: 0 });
  return ok({ filter, decided: decided.value, stamp: stampOf(filter, timeless.ok ? timeless.value.patch : {}) });
}

/** What people see of a filter before they change it, and what they would change. Others' annotations are not Weir's to look at. */
function stampOf({ metadata, spec }: WasmFilter, change: object): string {
  const own = Object.entries(metadata.annotations ?? {}).filter(([name]) => name.startsWith("weir.dev/"));
  return digestOf(printExactJson([metadata.uid ?? "", spec, own.sort(), change]));
}

function patch({ person, key }: ActingInput, { metadata }: WasmFilter, { patch }: DecidedAction, dryRun: boolean) {
  return person.patch(key, patch, { resourceVersion: metadata.resourceVersion ?? "", dryRun });
}

function isEmpty({ patch }: DecidedAction): boolean {
  return Object.keys(patch).length === 0;
}

function isConflict(result: Result<unknown>): boolean {
  return !result.ok && result.error.reason === "Conflict";
}
