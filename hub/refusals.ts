import type { Failure } from "../model/result.ts";
import { type ErrorReason, failure } from "./answers.ts";

/** What a failure is to who asked: a status, its reason for programs, and the title of a page that says it. */
export interface Refusal {
  readonly status: number;
  readonly reason: ErrorReason;
  readonly title: string;
}

const REFUSALS: Readonly<Partial<Record<string, Refusal>>> = Object.fromEntries(
  (
    [
      [400, "BadRequest", "That is not complete"],
      [401, "Unauthorized", "Who are you?"],
      [403, "Forbidden", "You may not do this"],
      [403, "CrossOrigin", "From another page"],
      [404, "NotFound", "Not there"],
      [409, "Conflict", "It has changed"],
      [413, "TooLarge", "Too large"],
      [422, "Invalid", "Refused"],
      [429, "TooManyAttempts", "Too many attempts"],
    ] as const
  ).map(([status, reason, title]) => [reason, { status, reason, title }]),
);

const NOT_NOW: Refusal = { status: 503, reason: "Busy", title: "Not now" };

/** By the failure's reason; one of any other that may go away is told to come again. `otherwise`: one of any other that does not. */
export function refusalOf({ reason, retryable }: Failure, otherwise: Refusal): Refusal {
  return REFUSALS[reason] ?? (retryable ? NOT_NOW : otherwise);
}

/** A fault of the server. */
export const BROKEN: Refusal = { status: 500, reason: "InternalError", title: "It failed" };

const HEADERS: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  // https://www.rfc-editor.org/rfc/rfc6750#section-3
  401: { "www-authenticate": "Bearer" },
  503: { "retry-after": "5" },
};

/** A failure as the API tells it. */
export function refused(error: Failure, otherwise = BROKEN): Response {
  const { status, reason } = refusalOf(error, otherwise);
  return failure(status, reason, error.message, HEADERS[status]);
}
