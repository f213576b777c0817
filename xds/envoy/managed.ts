import { hash } from "node:crypto";
import { isIP } from "node:net";
import type { Chain, ChainEntry } from "../../model/delivery.ts";
import type { FilterType } from "../../model/settings.ts";
import { Cluster, Cluster_DiscoveryType, Cluster_DnsLookupFamily } from "../gen/envoy/config/cluster/v3/cluster.ts";
import type { Address } from "../gen/envoy/config/core/v3/address.ts";
import { ApiVersion, type ConfigSource, type ExtensionConfigSource } from "../gen/envoy/config/core/v3/config_source.ts";
import { ClusterLoadAssignment } from "../gen/envoy/config/endpoint/v3/endpoint.ts";
import { Listener } from "../gen/envoy/config/listener/v3/listener.ts";
import type { Filter } from "../gen/envoy/config/listener/v3/listener_components.ts";
import { RouteConfiguration } from "../gen/envoy/config/route/v3/route.ts";
import { Router } from "../gen/envoy/extensions/filters/http/router/v3/router.ts";
import {
  HttpConnectionManager_PathWithEscapedSlashesAction as EscapedSlashes,
  HttpConnectionManager,
  type HttpFilter,
} from "../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts";
import type { Any } from "../gen/google/protobuf/any.ts";
import { any, join } from "../protobuf/wire.ts";
import { plainResource, type Resource, typeUrls } from "../protocol/resource.ts";
import { chainName, FILTER_CHAIN_TYPE, passThroughConfig, wasmName, wasmType } from "./chain.ts";
import type { Dialect } from "./dialect.ts";
import type { ManagedSidecar } from "./managed-sidecar.ts";
import { MATCHED_TYPE } from "./matcher.ts";

const LISTENER = "weir/inbound";
const ROUTE = "weir/inbound";
const CLUSTER = "weir/app";
const ADS: ConfigSource = { configSourceSpecifier: { $case: "ads", ads: {} }, resourceApiVersion: ApiVersion.V3 };

/**
 * Listener, route, cluster and endpoints of a managed sidecar, in the order in which a proxy must learn of them: the cluster before the listener
 * that leads to it. In the `chain` form they depend on the HTTP filters in one thing only, whether one of them matches by path: filters change with the
 * listener untouched. In the `filters` form the listener names each filter, and so does either form for network filters.
 *
 * `chains` holds what each slot is meant to hold; a slot it lacks has no filters.
 */
export function managedResources(sidecar: ManagedSidecar, dialect: Dialect, chains: ReadonlyMap<string, Chain>): Resource[] {
  const address = socketAddress(sidecar.appHost, sidecar.appPort);
  const assignment = { clusterName: CLUSTER, endpoints: [{ lbEndpoints: [lbEndpoint(address)] }] };
  const cluster = resource(typeUrls.cluster, CLUSTER, Cluster.encode(appCluster(sidecar, assignment)).finish());
  const endpoints = resource(typeUrls.endpoint, CLUSTER, ClusterLoadAssignment.encode(assignment).finish());
  const listener = resource(typeUrls.listener, LISTENER, Listener.encode(inbound(sidecar, dialect, chains)).finish());
  const route = resource(typeUrls.route, ROUTE, RouteConfiguration.encode(toApp).finish());
  return isNamed(sidecar) ? [cluster, listener, route] : [cluster, endpoints, listener, route];
}

/** The names of single filters that this listener has places for; whole chains are not among them. Other arguments as those of `managedResources`. */
export function managedPlaces({ slots }: ManagedSidecar, { form }: Dialect, chains: ReadonlyMap<string, Chain>): ReadonlySet<string> {
  const isPlace = ({ type }: ChainEntry) => type === "Network" || form === "filters";
  return new Set(slots.flatMap((slot) => (chains.get(slot) ?? []).filter(isPlace).map(({ filter }) => wasmName(slot, filter))));
}

/** Endpoints are addresses. An app with a host name needs a cluster that resolves it. */
function isNamed({ appHost }: ManagedSidecar): boolean {
  return isIP(appHost) === 0;
}

function appCluster(sidecar: ManagedSidecar, loadAssignment: ClusterLoadAssignment): Cluster {
  const common = { name: CLUSTER, connectTimeout: { seconds: 5, nanos: 0 } };
  if (isNamed(sidecar)) {
    return {
      ...common,
      clusterDiscoveryType: { $case: "type", type: Cluster_DiscoveryType.STRICT_DNS },
      dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
      loadAssignment,
    };
  }
  return {
    ...common,
    clusterDiscoveryType: { $case: "type", type: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ADS, serviceName: CLUSTER },
  };
}

const toApp: RouteConfiguration = {
  name: ROUTE,
  virtualHosts: [
    {
      name: "app",
      domains: ["*"],
      routes: [
        {
          match: { pathSpecifier: { $case: "prefix", prefix: "/" } },
          // The app and its clients decide how long an answer may take.
          action: {
            $case: "route",
            route: { clusterSpecifier: { $case: "cluster", cluster: CLUSTER }, timeout: { seconds: 0, nanos: 0 } },
          },
        },
      ],
    },
  ],
};

/** What the statistics of its listener begin with, after `http.`. */
export const MANAGED_STAT_PREFIX = "inbound";

function inbound(sidecar: ManagedSidecar, dialect: Dialect, chains: ReadonlyMap<string, Chain>): Listener {
  const manager = HttpConnectionManager.encode({
    statPrefix: MANAGED_STAT_PREFIX,
    routeSpecifier: { $case: "rds", rds: { configSource: ADS, routeConfigName: ROUTE } },
    httpFilters: [...sidecar.slots.flatMap((slot) => httpSlot(slot, dialect, chains.get(slot) ?? [], sidecar)), router],
    upgradeConfigs: [{ upgradeType: "websocket" }],
    ...(matchesPaths(chains) ? normalPaths : {}),
  }).finish();
  const http: Filter = {
    name: "envoy.filters.network.http_connection_manager",
    configType: {
      $case: "typedConfig",
      typedConfig: packed("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", manager),
    },
  };
  const network = sidecar.slots.flatMap((slot) => filterSlots(slot, "Network", chains.get(slot) ?? [], dialect, sidecar));
  return {
    name: LISTENER,
    address: socketAddress(sidecar.listenHost, sidecar.listenPort),
    filterChains: [{ filters: [...network, http] }],
  };
}

function matchesPaths(chains: ReadonlyMap<string, Chain>): boolean {
  const matches = [...chains.values()]
    .flat()
    .flatMap(({ settings, dark }) => [...(settings.match ?? []), ...(dark?.match ?? []), ...(dark?.otherwise?.settings.match ?? [])]);
  return matches.some(({ path }) => path !== undefined);
}

/**
 * The paths that filters and the app get, where a filter matches by path: `/a/../api`, `//api`, `/%61pi` and `/x%2F..%2Fapi` become `/api`. Otherwise a client
 * could write a path that the filter takes for another one than the app does. Elsewhere paths stay as clients wrote them: there are apps for which `%2F` is no slash.
 */
const normalPaths = {
  normalizePath: true,
  mergeSlashes: true,
  pathWithEscapedSlashesAction: EscapedSlashes.UNESCAPE_AND_FORWARD,
} as const;

function httpSlot(slot: string, dialect: Dialect, chain: Chain, sidecar: ManagedSidecar): HttpFilter[] {
  if (dialect.form === "filters") return filterSlots(slot, "HTTP", chain, dialect, sidecar);
  return [discovered(chainName(slot), [FILTER_CHAIN_TYPE], () => new Uint8Array(), sidecar)];
}

function filterSlots(slot: string, type: FilterType, chain: Chain, dialect: Dialect, sidecar: ManagedSidecar) {
  return chain
    .filter((entry) => entry.type === type)
    .map((entry) =>
      discovered(wasmName(slot, entry.filter), filterTypes(type), () => passThroughConfig(entry.filter, type, dialect), sidecar),
    );
}

/** What may come in the place of one filter: with a match or without, so that a match comes and goes with the listener untouched. */
function filterTypes(type: FilterType): readonly [string, ...string[]] {
  return type === "HTTP" ? [wasmType(type), MATCHED_TYPE] : [wasmType(type)];
}

/**
 * A filter whose config comes by ECDS. `neutral`: the encoded config that does nothing, of the first type, for a proxy that must let requests pass while
 * none comes.
 */
function discovered(name: string, types: readonly [string, ...string[]], neutral: () => Uint8Array, { whenMissing }: ManagedSidecar) {
  const configDiscovery: ExtensionConfigSource = {
    configSource: ADS,
    typeUrls: [...types],
    defaultConfig: whenMissing === "open" ? { typeUrl: types[0], value: Buffer.from(neutral()) } : undefined,
  };
  return { name, configType: { $case: "configDiscovery" as const, configDiscovery } };
}

const router: HttpFilter = {
  name: "envoy.filters.http.router",
  configType: { $case: "typedConfig", typedConfig: packed("envoy.extensions.filters.http.router.v3.Router", Router.encode({}).finish()) },
};

function packed(type: string, value: Uint8Array): Any {
  return { typeUrl: `type.googleapis.com/${type}`, value: Buffer.from(value) };
}

function socketAddress(address: string, port: number): Address {
  return { address: { $case: "socketAddress", socketAddress: { address, portSpecifier: { $case: "portValue", portValue: port } } } };
}

function lbEndpoint(address: Address) {
  return { hostIdentifier: { $case: "endpoint" as const, endpoint: { address } } };
}

function resource(typeUrl: string, name: string, message: Uint8Array): Resource {
  const version = hash("sha256", join(any(typeUrl, [message]))).slice(0, 32);
  return plainResource(typeUrl, name, version, [message]);
}
