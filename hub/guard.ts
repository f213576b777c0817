import type { MiddlewareHandler } from "hono";
import type { HubEnv } from "./answers.ts";

/** What stands before the routes. */
export type Guard = MiddlewareHandler<HubEnv>;
