import type { PageRoute } from "../page-routes.ts";
import type { ActingDeps } from "./deps.ts";
import { createFilterActions } from "./filter-actions.ts";
import { createSignIn } from "./sign-in.ts";

/** The pages by which people sign in and act. What changes something is sent by a form of this server, by who says who they are. */
export function createActingRoutes(deps: ActingDeps): readonly PageRoute[] {
  return [...createSignIn(deps), createFilterActions(deps)];
}
