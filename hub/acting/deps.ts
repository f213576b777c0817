import type { Log } from "../../model/log.ts";
import type { People } from "../../model/people.ts";
import type { Planner } from "../../model/plan.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { type ErrorReason, failure, type HubContext } from "../answers.ts";
import { isOwnOrigin } from "../origin.ts";
import type { PrintPage } from "../page-routes.ts";
import { messagePage } from "../pages/message.ts";
import type { Readers } from "../readers.ts";
import type { Views } from "../views.ts";
import type { Caller, Callers } from "./callers.ts";
import { hostOf } from "./callers.ts";

/** Where people act: who they are, and what plans what they do. */
export interface Acting {
  readonly people: People;
  /** Absent: no plan is shown. */
  readonly planner?: Planner | undefined;
}

export interface ActingDeps extends Acting {
  readonly callers: Callers;
  readonly views: Views;
  /** Absent: everybody may read. */
  readonly readers: Readers | undefined;
  readonly print: PrintPage;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: Log;
  /** Somebody signed out: what they follow ends. */
  readonly onSignOut: () => void;
}

const STATUS: Readonly<Record<string, readonly [number, ErrorReason, string]>> = {
  BadRequest: [400, "BadRequest", "That is not complete"],
  Unauthorized: [401, "Unauthorized", "Who are you?"],
  Forbidden: [403, "Forbidden", "You may not do this"],
  CrossOrigin: [403, "CrossOrigin", "From another page"],
  NotFound: [404, "NotFound", "Not there"],
  TooLarge: [413, "TooLarge", "Too large"],
  Invalid: [422, "Invalid", "Refused"],
  TooManyAttempts: [429, "TooManyAttempts", "Too many attempts"],
  Conflict: [409, "Conflict", "It has changed"],
};

/** Why something was not done, as a page for a browser and as JSON for anything else, in the words of who refused it. */
export async function refuse(deps: ActingDeps, context: HubContext, error: Failure): Promise<Response> {
  const [status, reason, title] =
    STATUS[error.reason] ?? (error.retryable ? ([503, "Busy", "Not now"] as const) : ([409, "Conflict", "Not now"] as const));
  if (context.req.header("accept")?.includes("text/html") !== true) return failure(status, reason, error.message);
  return deps.print(context, { title, main: messagePage(title, error.message), isStill: true }, status);
}

/** Who calls. Fails where nobody does. */
export async function callerOf({ callers }: ActingDeps, context: HubContext): Promise<Result<Caller>> {
  const found = await callers.find(context);
  if (!found.ok) return found;
  return found.value === undefined ? fail("Unauthorized", "sign in first") : ok(found.value);
}

/** Fails where a page of another origin, or no page, sent a form. */
export function checkOrigin(context: HubContext): Result<void> {
  return isOwnOrigin({ host: hostOf(context), origin: context.req.header("origin") })
    ? ok(undefined)
    : fail("CrossOrigin", "what changes something is taken from a page of this server alone: the Origin header must be its own");
}
