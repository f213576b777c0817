import type { ApiFailure } from "../model/kube.ts";
import { fail, failForNow } from "../model/result.ts";

export interface Refused {
  readonly verb: string;
  /** As RBAC names it, e.g. `secrets` or `podcertificaterequests/status`. */
  readonly resource: string;
  /** The object, or what is asked of it. */
  readonly id: string;
  /** Absent: the whole cluster. */
  readonly namespace?: string | undefined;
}

/** Why the API server did not do it: the right that is missing and where, else its own words. */
export function refusal({ verb, resource, id, namespace }: Refused, { status, message, retryable }: ApiFailure): ReturnType<typeof fail> {
  const where = namespace === undefined ? "in the whole cluster" : `in the namespace ${namespace}`;
  // Also 403, and no right helps.
  const isEnding = /because it is being terminated/.test(message);
  if (status === 403 && !isEnding)
    return fail("Forbidden", `this account may not ${verb} ${resource} ${where} (${id}); grant it that verb, as the chart's roles do`);
  const why = `the API server does not ${verb} ${resource} ${id}: ${message}`;
  if (status === 404 && namespace !== undefined)
    return fail("NotFound", `${why}; make the namespace ${namespace}, or name another with --own-namespace`);
  return retryable ? failForNow("ApiServer", why) : fail("ApiServer", why);
}
