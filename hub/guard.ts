import type { HttpBindings } from "@hono/node-server";
import type { MiddlewareHandler } from "hono";

/** What stands before the routes. */
export type Guard = MiddlewareHandler<{ Bindings: HttpBindings }>;
