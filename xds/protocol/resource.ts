import type { Digest } from "../../model/digest.ts";
import { any, type Rope } from "../protobuf/wire.ts";

/** One xDS resource. Its bytes are made when it is sent, because its modules are not in memory before; every stream that wants it sends the same bytes. */
export interface Resource {
  /** Type URL of the resource inside the Any. https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#resource-types */
  readonly typeUrl: string;
  readonly name: string;
  /** A content hash: equal names and versions mean the same to a proxy, across restarts and replicas. */
  readonly version: string;
  /** The version of the same content in an earlier version of Weir, where that was another: a proxy that says it holds it needs nothing. */
  readonly formerVersion?: string | undefined;
  /**
   * Set where a configuration in it comes from a Secret: the names of its plugins. What a proxy says about it may quote the configuration, so nothing is kept
   * of that but its class and these names.
   */
  readonly confidential?: readonly string[] | undefined;
  /** Digests of the modules in it, without duplicates. */
  readonly modules: readonly Digest[];
  /** The encoded google.protobuf.Any. `code`: the bytes of each of `modules`; they are not copied. */
  encode(code: ReadonlyMap<Digest, Uint8Array>): Rope;
}

/** A resource without modules. `message`: the encoded resource. */
export function plainResource(typeUrl: string, name: string, version: string, message: Rope): Resource {
  const encoded = any(typeUrl, message);
  return { typeUrl, name, version, modules: [], encode: () => encoded };
}

/** The type URLs Weir serves. */
export const typeUrls = {
  extensionConfig: "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  endpoint: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
} as const;
