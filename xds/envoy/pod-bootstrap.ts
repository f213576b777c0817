import type { InboundPort, PodConfiguration, PodProxy, ProbeRoute } from "../../model/pod-proxy.ts";
import { type ProxyCredentials, sdsFiles } from "./bootstrap-identity.ts";
import {
  adminInterface,
  dynamicResources,
  endpoint,
  httpManager,
  listenAddress,
  node,
  router,
  type SlotOptions,
  STATS_INTERVAL,
  statsSink,
  watchdogs,
  xdsCluster,
} from "./bootstrap-parts.ts";
import { STATS_INTERVAL_KEY } from "./stats-interval.ts";
import { q } from "./yaml-scalar.ts";

/**
 * A pod takes no request before its filters are there. It is then not ready, so a rollout of its app waits, and the pods before it go on serving, while Weir is away.
 */
const WAIT: SlotOptions = { whenMissing: "closed", fetchTimeoutMs: 0 };

/** A proxy that nobody asked for changes as little as it can of what passes. */
const TRANSPARENT = `          server_header_transformation: PASS_THROUGH
          http_protocol_options: {accept_http_10: true}
          stream_idle_timeout: 0s
          use_remote_address: false
`;

/** `http.admin` is what Weir does not judge rollouts by: these are no requests to the app. */
const UNJUDGED = "admin";

/** The configuration of the Envoy in a pod: what Weir needs to know, the app's ports with the slots in front, and a listener for `/ready` and the kubelet's probes. */
export function renderPodProxy(proxy: PodProxy): PodConfiguration {
  const { credentials } = proxy;
  const proof = { tls: { ...credentials, own: undefined }, tokenFile: credentials.token, folder: credentials.folder };
  return { bootstrap: bootstrap(proxy, proof), files: sdsFiles(proof) };
}

function bootstrap(proxy: PodProxy, proof: ProxyCredentials): string {
  const tcp = new Set(proxy.probes.filter(({ kind }) => kind === "tcp").map(({ app }) => app));
  const apps = new Set([...proxy.inbound, ...proxy.probes].map(({ app }) => app));
  const admin = { host: "127.0.0.1", port: proxy.adminPort };
  return [
    node(proxy, `    ${STATS_INTERVAL_KEY}: ${q(STATS_INTERVAL)}\n`),
    adminInterface(admin),
    watchdogs,
    dynamicResources({ managed: false }),
    statsSink,
    "static_resources:\n  listeners:\n",
    proxy.capture === undefined ? "" : captured(proxy, proxy.capture),
    ...proxy.inbound.map((port) => (port.listen === undefined ? "" : mapped(proxy, port, port.listen))),
    ready(proxy),
    ...proxy.probes.map((probe) => (probe.kind === "grpc" ? grpcProbe(proxy, probe) : "")),
    "  clusters:\n",
    xdsCluster(proxy.xds, proof),
    `  - name: ready
    ${endpoint("ready", admin)}
`,
    ...[...apps].map((port) => appCluster(proxy, port)),
    ...[...tcp].map((port) => checkedCluster(proxy, port)),
  ].join("");
}

/** Connections that were turned here on their way to a port of the app. Which one it was chooses the filter chain; a connection that was not turned finds none, and ends. */
function captured(proxy: PodProxy, port: number): string {
  const inbound = proxy.inbound.filter(({ listen }) => listen === undefined);
  return `  - name: inbound
    address: ${listenAddress({ host: proxy.listenHost, port })}
    listener_filters:
    - name: envoy.filters.listener.original_dst
      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst}
${inspector(inbound)}    filter_chains:
${inbound.map((one) => chains(one, proxy)).join("")}`;
}

/**
 * Looks whether a connection begins as HTTP, on ports where that is asked. Where it is not, what is no HTTP is refused.
 * A connection that says nothing for 15 s ends: to let it pass would let everybody past the filters who waits.
 */
function inspector(inbound: readonly InboundPort[]): string {
  if (inbound.every(({ protocol }) => protocol === "http")) return "";
  const http = inbound.filter(({ protocol }) => protocol === "http");
  const rules = http.map(({ app }) => `{destination_port_range: {start: ${app}, end: ${app + 1}}}`);
  const disabled = rules.length > 1 ? `{or_match: {rules: [${rules.join(", ")}]}}` : rules[0];
  return `    - name: envoy.filters.listener.http_inspector
      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3.HttpInspector}
${disabled === undefined ? "" : `      filter_disabled: ${disabled}\n`}`;
}

function chains({ app, protocol }: InboundPort, proxy: PodProxy): string {
  const http = appManager(app, proxy);
  if (protocol === "http") {
    return `    - filter_chain_match: {destination_port: ${app}}
      filters:
${http}`;
  }
  return `    - filter_chain_match: {destination_port: ${app}, application_protocols: [http/1.0, http/1.1, h2c]}
      filters:
${http}    - filter_chain_match: {destination_port: ${app}}
      filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: inbound
          cluster: ${cluster(app)}
          idle_timeout: 0s
`;
}

function mapped(proxy: PodProxy, { app }: InboundPort, listen: number): string {
  return `  - name: ${q(`inbound-${app}`)}
    address: ${listenAddress({ host: proxy.listenHost, port: listen })}
    filter_chains:
    - filters:
${appManager(app, proxy)}`;
}

function appManager(app: number, { slots, paths }: PodProxy): string {
  return httpManager({ name: q(`port ${app}`), cluster: cluster(app), slots, paths, more: TRANSPARENT, ...WAIT });
}

/** Answers `/ready` when every listener listens, hears that the pod ends, and leads each probe to its path at the app and nowhere else. */
function ready(proxy: PodProxy): string {
  const routes = proxy.probes.flatMap((probe) => (probe.kind === "http" ? [probeRoute(probe, proxy)] : []));
  const checks = proxy.probes.flatMap((probe) => (probe.kind === "tcp" ? [tcpCheck(probe)] : []));
  return unjudged(
    "ready",
    listenAddress({ host: proxy.listenHost, port: proxy.readyPort }),
    `              - {match: {path: /ready}, route: {cluster: ready}}
${drain(proxy)}${routes.join("")}`,
    `${checks.join("")}          - name: ${POST}
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua}
`,
  );
}

/** Of the filter that makes a POST of a hook's GET. */
const POST = "post";

/**
 * Connections that stay open would outlive the app: a request on one after the app's end would be answered 503. So each answer from now on ends its connection (HTTP/2: a
 * GOAWAY). Needs `--drain-strategy immediate`. https://www.envoyproxy.io/docs/envoy/latest/operations/admin#post--drain_listeners
 */
function drain({ drainPath }: PodProxy): string {
  return `              - match: {path: ${q(drainPath)}}
                route: {cluster: ready, prefix_rewrite: "/drain_listeners?graceful&skip_exit"}
                typed_per_filter_config:
                  ${POST}:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute
                    source_code: {inline_string: 'function envoy_on_request(h) h:headers():replace(":method", "POST") end'}
`;
}

function unjudged(name: string, address: string, routes: string, filters: string): string {
  return `  - name: ${name}
    address: ${address}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ${UNJUDGED}
          route_config:
            virtual_hosts:
            - name: ${name}
              domains: ["*"]
              routes:
${routes}          http_filters:
${filters}${router}`;
}

function probeRoute({ path, app, appPath, rewriteHost }: ProbeRoute & { kind: "http" }, { appHost }: PodProxy): string {
  const host = rewriteHost ? `, host_rewrite_literal: ${q(`${appHost}:${app}`)}` : "";
  return `              - match: {path: ${q(path)}}
                route: {cluster: ${cluster(app)}, timeout: 0s, prefix_rewrite: ${q(appPath)}${host}}
`;
}

/** A connection to Envoy says nothing of the app: Envoy tries one itself, again and again, and answers by the last. */
function tcpCheck({ path, app }: ProbeRoute & { kind: "tcp" }): string {
  return `          - name: ${q(`tcp ${path}`)}
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
              pass_through_mode: false
              headers: [{name: ":path", string_match: {exact: ${q(path)}}}]
              cluster_min_healthy_percentages: {${checked(app)}: {value: 100}}
`;
}

function grpcProbe(proxy: PodProxy, { listen, app }: ProbeRoute & { kind: "grpc" }): string {
  const route = `              - {match: {path: /grpc.health.v1.Health/Check}, route: {cluster: ${cluster(app)}, timeout: 0s}}\n`;
  return unjudged(`grpc-probe-${app}`, listenAddress({ host: proxy.listenHost, port: listen }), route, "");
}

function appCluster({ appHost }: PodProxy, port: number): string {
  return `  - name: ${cluster(port)}
    ${endpoint(cluster(port), { host: appHost, port })}
    connect_timeout: 5s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        use_downstream_protocol_config: {http2_protocol_options: {}}
`;
}

function checkedCluster({ appHost }: PodProxy, port: number): string {
  return `  - name: ${checked(port)}
    ${endpoint(checked(port), { host: appHost, port })}
    connect_timeout: 1s
    health_checks: [{timeout: 1s, interval: 2s, no_traffic_interval: 2s, healthy_threshold: 1, unhealthy_threshold: 1, tcp_health_check: {}}]
`;
}

function cluster(port: number): string {
  return `app_${port}`;
}

function checked(port: number): string {
  return `tcp_${port}`;
}
