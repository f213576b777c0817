import { type Failure, fail } from "../../model/result.ts";

/** Reason of a failure that lies in how the command was called. It makes the exit status 2. */
export const USAGE = "Usage";

/** Fails because of how the command was called. The message names the argument or flag, and what it takes. */
export function usage(message: string): { readonly ok: false; readonly error: Failure } {
  return fail(USAGE, message);
}
