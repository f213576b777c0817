/** The read API of a running Weir. */
export { createHub, type Hub, type HubOptions } from "./server.ts";
export type { ChangeEvent, ProxyFilterView, ProxyView, Views } from "./views.ts";
