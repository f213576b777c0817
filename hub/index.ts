/** The read API of a running Weir. */
export type { OtherCluster, Others } from "./others.ts";
export type { Plans } from "./plans.ts";
export { type ClusterState, type FilterState, filterState, HERE, type Running } from "./read/cluster-state.ts";
export type { Readers } from "./readers.ts";
export { createHub, type Hub, type HubOptions } from "./server.ts";
export type { ChangeEvent, ProxyFilterView, ProxyHead, ProxyView, Views } from "./views.ts";
