import type { Failure } from "../../model/result.ts";

/** The failure with what it is about in front. */
export function about(what: string, error: Failure): Failure {
  return { ...error, message: `${what}: ${error.message}` };
}
