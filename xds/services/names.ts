import { typeUrls } from "../protocol/resource.ts";

/** A discovery service: its state-of-the-world and delta methods, and the one type it serves (all of them when aggregated). */
export interface DiscoveryService {
  readonly name: string;
  readonly sotw: string;
  readonly delta: string;
  readonly typeUrl: string | undefined;
}

/** https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#rpc-services-and-methods-for-each-variant */
export const discoveryServices: readonly DiscoveryService[] = [
  service("discovery.v3.AggregatedDiscoveryService", "AggregatedResources", undefined),
  service("extension.v3.ExtensionConfigDiscoveryService", "ExtensionConfigs", typeUrls.extensionConfig),
  service("listener.v3.ListenerDiscoveryService", "Listeners", typeUrls.listener),
  service("route.v3.RouteDiscoveryService", "Routes", typeUrls.route),
  service("cluster.v3.ClusterDiscoveryService", "Clusters", typeUrls.cluster),
  service("endpoint.v3.EndpointDiscoveryService", "Endpoints", typeUrls.endpoint),
];

function service(name: string, noun: string, typeUrl: string | undefined): DiscoveryService {
  return { name: `envoy.service.${name}`, sotw: `Stream${noun}`, delta: `Delta${noun}`, typeUrl };
}
