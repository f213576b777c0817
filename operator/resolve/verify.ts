import type { Filter } from "../../model/filter.ts";
import { fail, ok, type Result } from "../../model/result.ts";

/** Checks the signatures that spec.verify asks for. One that cannot be checked refuses the image: trust is never assumed. */
export function verify(filter: Filter): Result<void> {
  if (filter.verify.length === 0) return ok(undefined);
  return fail(
    "VerificationUnavailable",
    `spec.verify asks for ${filter.verify.length} signature(s), which this version of Weir cannot check; remove spec.verify, or pin the image with spec.digest`,
  );
}
