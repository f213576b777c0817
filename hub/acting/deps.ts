import type { Log } from "../../model/log.ts";
import type { People } from "../../model/people.ts";
import type { Planner } from "../../model/plan.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { type HubContext, hostOf, isBrowser } from "../answers.ts";
import { isOwnOrigin } from "../origin.ts";
import type { PrintPage } from "../page-routes.ts";
import { messagePage } from "../pages/message.ts";
import type { Readers } from "../readers.ts";
import { type Refusal, refusalOf, refused } from "../refusals.ts";
import type { Views } from "../views.ts";
import type { Callers } from "./callers.ts";

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
  /** Somebody signed out: what they followed with that session ends. */
  readonly onSignOut: (session: string) => void;
}

const CANNOT: Refusal = { status: 409, reason: "Conflict", title: "Not now" };

/** Why something was not done, as a page for a browser and as JSON for anything else, in the words of who refused it. */
export async function refuse(deps: ActingDeps, context: HubContext, error: Failure): Promise<Response> {
  if (!isBrowser(context)) return refused(error, CANNOT);
  const { status, title } = refusalOf(error, CANNOT);
  return deps.print(context, { title, main: messagePage(title, error.message), isStill: true }, status);
}

/** Fails where a page of another origin, or no page, sent a form. */
export function checkOrigin(context: HubContext): Result<void> {
  return isOwnOrigin({ host: hostOf(context), origin: context.req.header("origin") })
    ? ok(undefined)
    : fail("CrossOrigin", "what changes something is taken from a page of this server alone: the Origin header must be its own");
}
