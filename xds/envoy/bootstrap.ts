import { isIP } from "node:net";
import { type ProxyCredentials, xdsHttpFilters, xdsTransport } from "./bootstrap-identity.ts";
import { chainName, FILTER_CHAIN_TYPE } from "./chain.ts";
import { MANAGED_KEY, type ManagedSidecar } from "./managed-sidecar.ts";
import { STATS_INTERVAL_KEY } from "./stats-interval.ts";

export interface Address {
  /** A host name or an IP address. */
  readonly host: string;
  readonly port: number;
}

export interface BootstrapOptions {
  /** node.id: the proxy's name in every status and listing. */
  readonly node: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Where `weir serve` answers xDS. */
  readonly xds: Address;
  /** Where the proxy takes requests. */
  readonly listen: Address;
  /** Where it sends them. */
  readonly upstream: Address;
  /** In the order a request meets them. */
  readonly slots: readonly string[];
  /** True: ADS only, the listener, route and cluster come from Weir too. */
  readonly managed: boolean;
  /** What a proxy does that starts while Weir is away: answer 5xx, or go on without filters. */
  readonly whenMissing: "closed" | "open";
  /** How long a starting proxy waits for its filters before `whenMissing` applies. Envoy's own default is 15 s. */
  readonly fetchTimeoutMs: number;
  /** Envoy's admin interface; port 0 takes any free port (`envoy --admin-address-path FILE` tells which). */
  readonly admin: Address;
  /** True: stream Envoy's statistics to Weir, which judges rollouts by them. */
  readonly stats: boolean;
  /** Absent: plaintext, and no proof of who it is. */
  readonly credentials?: ProxyCredentials | undefined;
}

export const bootstrapDefaults = {
  namespace: "default",
  labels: {},
  xds: { host: "127.0.0.1", port: 18000 },
  listen: { host: "0.0.0.0", port: 10000 },
  upstream: { host: "127.0.0.1", port: 8080 },
  slots: ["default"],
  managed: false,
  whenMissing: "closed",
  fetchTimeoutMs: 15_000,
  admin: { host: "127.0.0.1", port: 0 },
  stats: true,
} as const satisfies Omit<BootstrapOptions, "node" | "credentials">;

/**
 * The Envoy bootstrap (YAML) of a proxy that takes its filters from Weir. Everything a person would want to change is a plain
 * part of it: it is a start, not a format of ours. https://www.envoyproxy.io/docs/envoy/latest/configuration/overview/bootstrap
 */
export function renderBootstrap(options: BootstrapOptions): string {
  const parts = [
    header(options),
    node(options),
    admin(options),
    watchdogs,
    dynamicResources(options),
    options.stats ? statsSink : "",
    "static_resources:\n",
    options.managed ? "" : listener(options),
    "  clusters:\n",
    xdsCluster(options),
    options.managed ? "" : appCluster(options),
  ];
  return parts.join("");
}

function header({ node, managed }: BootstrapOptions): string {
  return `# Envoy bootstrap for ${q(node)}, made by \`weir bootstrap\`${managed ? " --managed" : ""}. Start it with: envoy -c FILE
# (more than one Envoy on this machine: add --use-dynamic-base-id).
`;
}

function node(options: BootstrapOptions): string {
  const labels = Object.entries(options.labels).map(([key, value]) => `${q(key)}: ${q(value)}`);
  const managed = options.managed ? `    ${MANAGED_KEY}: ${JSON.stringify(sidecar(options))}\n` : "";
  return `node:
  id: ${q(options.node)}
  cluster: ${q(options.namespace)}
  metadata:
    NAMESPACE: ${q(options.namespace)}
    LABELS: {${labels.join(", ")}}
${options.stats ? `    ${STATS_INTERVAL_KEY}: ${q(STATS_INTERVAL)}   # the stats_flush_interval below: change both, or Weir says that this proxy hangs\n` : ""}${managed}`;
}

function sidecar({ listen, upstream, slots, whenMissing }: BootstrapOptions): ManagedSidecar {
  return { listenHost: listen.host, listenPort: listen.port, appHost: upstream.host, appPort: upstream.port, slots, whenMissing };
}

function admin({ admin }: BootstrapOptions): string {
  return `admin:
  address: ${socketAddress(admin)}
`;
}

function dynamicResources({ managed }: BootstrapOptions): string {
  const discovery = managed
    ? `  lds_config: {ads: {}, resource_api_version: V3}
  cds_config: {ads: {}, resource_api_version: V3}
`
    : "";
  return `dynamic_resources:
  ads_config:
    api_type: DELTA_GRPC   # after a reconnect only what differs is sent
    transport_api_version: V3
    set_node_on_first_message_only: true
    grpc_services:
    - envoy_grpc:
        cluster_name: weir_xds
        retry_policy: {retry_back_off: {base_interval: 0.25s, max_interval: 5s}}
${discovery}`;
}

const watchdogs = `watchdogs:   # a filter that never returns takes a worker thread with it: end this Envoy, and let what runs it start another
  worker_watchdog: {megamiss_timeout: 2s, kill_timeout: 5s}
`;

/** How often a proxy reports. It says so in its metadata, so that it is missed when it does not. */
const STATS_INTERVAL = "1s";

const statsSink = `stats_flush_interval: ${STATS_INTERVAL}
stats_sinks:   # how Weir sees errors and latency while it rolls a filter out
- name: envoy.stat_sinks.metrics_service
  typed_config:
    "@type": type.googleapis.com/envoy.config.metrics.v3.MetricsServiceConfig
    transport_api_version: V3
    histogram_emit_mode: SUMMARY
    grpc_service: {envoy_grpc: {cluster_name: weir_xds}}
`;

function listener(options: BootstrapOptions): string {
  return `  listeners:
  - name: inbound
    address: ${socketAddress(options.listen)}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: inbound
          route_config:
            name: inbound
            virtual_hosts:
            - name: app
              domains: ["*"]
              routes:
              - match: {prefix: "/"}
                route: {cluster: app, timeout: 0s}
          upgrade_configs: [{upgrade_type: websocket}]
          http_filters:   # a slot may stand anywhere among filters of your own, before the router
${options.slots.map((slot) => slotFilter(slot, options)).join("")}          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
`;
}

function slotFilter(slot: string, { whenMissing, fetchTimeoutMs }: BootstrapOptions): string {
  const missing =
    whenMissing === "open"
      ? `              default_config: {"@type": ${FILTER_CHAIN_TYPE}}   # no answer in time: go on without filters\n`
      : "";
  return `          - name: ${q(chainName(slot))}
            config_discovery:
              config_source:
                ads: {}
                resource_api_version: V3
                initial_fetch_timeout: ${fetchTimeoutMs / 1000}s   # ${whenMissing === "open" ? "then requests go on without filters" : "then requests are answered with 500"}
              type_urls: [${FILTER_CHAIN_TYPE}]
${missing}`;
}

function xdsCluster({ xds, credentials }: BootstrapOptions): string {
  return `  - name: weir_xds
    ${endpoint("weir_xds", xds)}
    connect_timeout: 5s
    upstream_connection_options: {tcp_keepalive: {keepalive_time: 30, keepalive_interval: 10, keepalive_probes: 3}}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config:
          http2_protocol_options:
            connection_keepalive: {interval: 30s, timeout: 20s}
${credentials === undefined ? "" : xdsHttpFilters(credentials) + xdsTransport(credentials)}`;
}

function appCluster({ upstream }: BootstrapOptions): string {
  return `  - name: app
    ${endpoint("app", upstream)}
    connect_timeout: 5s
`;
}

/** An address needs no resolver; a name is asked for again and again, IPv4 first as most networks have it. */
function endpoint(cluster: string, address: Address): string {
  const resolve = isIP(address.host) === 0 ? "type: STRICT_DNS\n    dns_lookup_family: V4_PREFERRED" : "type: STATIC";
  return `${resolve}
    load_assignment:
      cluster_name: ${cluster}
      endpoints: [{lb_endpoints: [{endpoint: {address: ${socketAddress(address)}}}]}]`;
}

function socketAddress({ host, port }: Address): string {
  return `{socket_address: {address: ${q(host)}, port_value: ${port}}}`;
}

/** A scalar that YAML reads back as this very text: JSON strings are YAML strings. */
function q(text: string): string {
  return JSON.stringify(text);
}
