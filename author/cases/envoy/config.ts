import type { Setup } from "../case.ts";

/** Envoy's name for the filter, as in the sandbox. */
export const FILTER_NAME = "filter";
const WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
/** A filter that does nothing: what is in the slot when no case runs. */
const IDLE = "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors";
const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const APP = "weir_app";

/** Where Envoy finds what changes from case to case. It follows the files by their names: a rename over one is an update. */
export interface Places {
  /** The filter. */
  readonly filter: string;
  /** The clusters. */
  readonly clusters: string;
}

/** The bootstrap of an Envoy with one slot for a filter, before an app. Chunks and trailers pass as they are, and Envoy adds no headers that it can leave out. */
export function bootstrap({ filter, clusters }: Places, appPort: number): string {
  const source = (path: string) => ({ path_config_source: { path }, resource_api_version: "V3" });
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "cases",
    codec_type: "HTTP2",
    server_header_transformation: "PASS_THROUGH",
    generate_request_id: false,
    preserve_external_request_id: true,
    access_log: [accessLog()],
    // The filter may answer with any status, and a request may wait for good.
    stream_idle_timeout: "0s",
    request_timeout: "0s",
    route_config: {
      virtual_hosts: [
        { name: "all", domains: ["*"], routes: [{ name: "default", match: { prefix: "/" }, route: { cluster: APP, timeout: "0s" } }] },
      ],
    },
    http_filters: [
      { name: FILTER_NAME, config_discovery: { config_source: source(filter), type_urls: [WASM, IDLE] } },
      {
        name: "router",
        typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router", suppress_envoy_headers: true },
      },
    ],
  };
  const listener = { name: "cases", address: loopback(0), filter_chains: [{ filters: [{ name: "hcm", typed_config: manager }] }] };
  return JSON.stringify({
    node: { id: "cases", cluster: "cases" },
    admin: { address: loopback(0) },
    stats_flush_on_admin: true,
    dynamic_resources: { cds_config: source(clusters) },
    static_resources: { listeners: [listener], clusters: [cluster(APP, appPort)] },
  });
}

/** How each response came about. */
function accessLog(): object {
  const format = { json_format: { details: "%RESPONSE_CODE_DETAILS%" } };
  return {
    name: "stdout",
    typed_config: { "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", log_format: format },
  };
}

/** The slot's filter: the module, or nothing. `version` is another one each time. */
export function filterResource(version: string, module?: { readonly file: string; readonly vmId: string; readonly setup: Setup }): string {
  const typed = module === undefined ? { "@type": IDLE } : { "@type": WASM, config: pluginConfig(module) };
  const resource = { "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig", name: FILTER_NAME, typed_config: typed };
  return JSON.stringify({ version_info: version, resources: [resource] });
}

function pluginConfig({ file, vmId, setup }: { readonly file: string; readonly vmId: string; readonly setup: Setup }): object {
  const { rootId, config, env, allowOnHeadersStopIteration } = setup;
  return {
    name: FILTER_NAME,
    root_id: rootId,
    fail_open: false,
    ...(allowOnHeadersStopIteration ? { allow_on_headers_stop_iteration: true } : {}),
    configuration: { "@type": "type.googleapis.com/google.protobuf.StringValue", value: config },
    vm_config: {
      vm_id: vmId,
      runtime: "envoy.wasm.runtime.v8",
      code: { local: { filename: file } },
      environment_variables: { key_values: Object.fromEntries(env.map(({ name, value }) => [name, value])) },
    },
  };
}

const CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

/** Clusters by name, with their ports; all speak HTTP/2. */
export function clusterResources(version: string, ports: ReadonlyMap<string, number>): string {
  return JSON.stringify({
    version_info: version,
    resources: [...ports].map(([name, port]) => ({ "@type": CLUSTER, ...cluster(name, port) })),
  });
}

function cluster(name: string, port: number): object {
  return {
    name,
    connect_timeout: "2s",
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: loopback(port) } }] }] },
    typed_extension_protocol_options: {
      [HTTP_OPTIONS]: { "@type": `type.googleapis.com/${HTTP_OPTIONS}`, explicit_http_config: { http2_protocol_options: {} } },
    },
  };
}

function loopback(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
