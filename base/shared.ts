import { AsyncLocalStorage } from "node:async_hooks";

/**
 * Begins what serves everyone (a process kept ready, a connection, a timer of a queue), whoever needed it first. What happens in it later does not
 * happen in that one's name: https://nodejs.org/api/async_context.html.
 */
export const shared: <T>(begin: () => T) => T = AsyncLocalStorage.snapshot();
