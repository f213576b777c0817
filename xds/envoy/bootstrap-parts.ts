import { isIP } from "node:net";
import type { PathPolicy } from "../../model/path-policy.ts";
import { type ProxyCredentials, xdsHttpFilters, xdsTransport } from "./bootstrap-identity.ts";
import { chainName, FILTER_CHAIN_TYPE } from "./chain.ts";
import { q } from "./yaml-scalar.ts";

// Pieces of bootstraps as YAML text, each at the depth where it stands.

export interface Address {
  /** A host name or an IP address. */
  readonly host: string;
  readonly port: number;
}

/** How slots wait for their filters. */
export interface SlotOptions {
  /** What a proxy does that starts while Weir is away: answer 5xx, or go on without filters. */
  readonly whenMissing: "closed" | "open";
  /** How long it waits for its filters before `whenMissing` applies; 0: for ever. */
  readonly fetchTimeoutMs: number;
}

export interface NodeOptions {
  /** Absent: Envoy is told by `--service-node`. */
  readonly id?: string | undefined;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Who the proxy says that it is. `metadata`: more of it, as lines of YAML at their depth. */
export function node({ id, namespace, labels }: NodeOptions, metadata: string): string {
  const all = Object.entries(labels).map(([key, value]) => `${q(key)}: ${q(value)}`);
  return `node:
${id === undefined ? "" : `  id: ${q(id)}\n`}  cluster: ${q(namespace)}
  metadata:
    NAMESPACE: ${q(namespace)}
    LABELS: {${all.join(", ")}}
${metadata}`;
}

export function adminInterface(admin: Address): string {
  return `admin:
  address: ${socketAddress(admin)}
`;
}

/** The streams to Weir. `managed`: listeners and clusters come by them too. */
export function dynamicResources({ managed }: { readonly managed: boolean }): string {
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

export const watchdogs = `watchdogs:   # a filter that never returns takes a worker thread with it: end this Envoy, and let what runs it start another
  worker_watchdog: {megamiss_timeout: 2s, kill_timeout: 5s}
`;

/** How often a proxy reports. It says so in its metadata, so that it is missed when it does not. */
export const STATS_INTERVAL = "1s";

export const statsSink = `stats_flush_interval: ${STATS_INTERVAL}
stats_sinks:   # how Weir sees errors and latency while it rolls a filter out
- name: envoy.stat_sinks.metrics_service
  typed_config:
    "@type": type.googleapis.com/envoy.config.metrics.v3.MetricsServiceConfig
    transport_api_version: V3
    histogram_emit_mode: SUMMARY
    grpc_service: {envoy_grpc: {cluster_name: weir_xds}}
`;

export interface HttpManagerOptions extends SlotOptions {
  /** Of its route; its statistics begin with `http.inbound.` whatever it is. */
  readonly name: string;
  readonly cluster: string;
  readonly slots: readonly string[];
  readonly paths: PathPolicy;
  /** More of its fields, as lines of YAML at their depth. */
  readonly more?: string;
}

const NORMALIZE = "          normalize_path: true   # /x/../api and /%61pi become /api\n";

/** Filters and the app get the same path. https://www.envoyproxy.io/docs/envoy/latest/configuration/best_practices/edge */
const PATHS: Readonly<Record<PathPolicy, string>> = {
  normal: `${NORMALIZE}          merge_slashes: true   # so does //api
          path_with_escaped_slashes_action: UNESCAPE_AND_FORWARD   # so do /%2Fapi and /%5Capi
`,
  base: NORMALIZE,
  // Left out, it would be whatever Envoy's runtime says.
  "as-written": "          normalize_path: false\n",
};

/**
 * `/x/%2e%2e;/api` is `/api` to an app that takes parameters out of paths. Envoy makes it `/x/..;/api` and leaves it so, and a `%3b` too; only what is written `/x/..;/api`
 * becomes `/api`. No honest client writes it.
 */
const NO_HIDDEN_DOTS = `              - match: {safe_regex: {regex: '.*/(\\.|%2[eE]){1,2}(;|%3[bB]).*'}}   # /%2e%2e;/api is /api to some apps
                direct_response: {status: 400}
`;

/** A network filter that sends every request through the slots to a cluster. */
export function httpManager(options: HttpManagerOptions): string {
  return `      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: inbound
${PATHS[options.paths]}${options.more ?? ""}          route_config:
            name: ${options.name}
            virtual_hosts:
            - name: app
              domains: ["*"]
              routes:
${options.paths === "normal" ? NO_HIDDEN_DOTS : ""}              - match: {prefix: "/"}
                route: {cluster: ${options.cluster}, timeout: 0s}
          upgrade_configs: [{upgrade_type: websocket}]
          http_filters:   # a slot may stand anywhere among filters of your own, before the router
${options.slots.map((slot) => slotFilter(slot, options)).join("")}${router}`;
}

export const router = `          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
`;

/** An entry of http_filters whose filters come from Weir. */
function slotFilter(slot: string, { whenMissing, fetchTimeoutMs }: SlotOptions): string {
  const missing =
    whenMissing === "open"
      ? `              default_config: {"@type": ${FILTER_CHAIN_TYPE}}   # no answer in time: go on without filters\n`
      : "";
  return `          - name: ${q(chainName(slot))}
            config_discovery:
              config_source:
                ads: {}
                resource_api_version: V3
                initial_fetch_timeout: ${fetchTimeoutMs / 1000}s   # ${afterwards(whenMissing, fetchTimeoutMs)}
              type_urls: [${FILTER_CHAIN_TYPE}]
${missing}`;
}

function afterwards(whenMissing: SlotOptions["whenMissing"], fetchTimeoutMs: number): string {
  if (fetchTimeoutMs === 0) return "nothing is let in before the filters are there";
  return whenMissing === "open" ? "then requests go on without filters" : "then requests are answered with 500";
}

/** The cluster that leads to Weir. */
export function xdsCluster(xds: Address, credentials: ProxyCredentials | undefined): string {
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

/** An address, or a variable that stands for one, needs no resolver; a name is asked for again and again, IPv4 first as most networks have it. */
export function endpoint(cluster: string, address: Address): string {
  const resolve =
    isIP(address.host) === 0 && !address.host.startsWith("$(") ? "type: STRICT_DNS\n    dns_lookup_family: V4_PREFERRED" : "type: STATIC";
  return `${resolve}
    load_assignment:
      cluster_name: ${cluster}
      endpoints: [{lb_endpoints: [{endpoint: {address: ${socketAddress(address)}}}]}]`;
}

export function socketAddress({ host, port }: Address): string {
  return `{socket_address: {address: ${q(host)}, port_value: ${port}}}`;
}

/** An address to listen at; `::` is every address of this machine, also those of IPv4. */
export function listenAddress({ host, port }: Address): string {
  const compat = host === "::" ? ", ipv4_compat: true" : "";
  return `{socket_address: {address: ${q(host)}, port_value: ${port}${compat}}}`;
}
