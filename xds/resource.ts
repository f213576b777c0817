import type { Rope } from "./resources/wire.ts";

/** One xDS resource, encoded once: every stream that wants it sends the same bytes. */
export interface Resource {
  /** Type URL of the resource inside `any`. https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-types */
  readonly typeUrl: string;
  readonly name: string;
  /** A content hash: equal names and versions mean the same to a proxy, across restarts and replicas. */
  readonly version: string;
  /** The encoded google.protobuf.Any. A module in it is not a copy: as long as the resource is served, its code is in memory once. */
  readonly any: Rope;
}

/** The type URLs Weir serves. */
export const typeUrls = {
  extensionConfig: "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  endpoint: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
} as const;
