import { type Failure, fail } from "../../model/result.ts";

/** Reason of a failure that is wrong usage. Its exit status is 2. */
export const USAGE = "Usage";

/** A failure for wrong usage. The message names the argument or flag, and what it takes. */
export function usage(message: string): { readonly ok: false; readonly error: Failure } {
  return fail(USAGE, message);
}
