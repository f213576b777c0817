export interface StaticConfig {
  /** The HTTP filter before the router. */
  readonly filter: object;
  /** Its port. */
  readonly app: number;
  /** Of Envoy's statistics: `http.PREFIX.downstream_rq_active`. */
  readonly statPrefix: string;
  /** More than the app's. */
  readonly clusters?: readonly object[];
  /** More fields of the app's. */
  readonly appOptions?: object;
}

/** The `static_resources` of an Envoy with one listener, `inbound`, and one filter before an app. Trailers pass. */
export function staticConfig({ filter, app, statPrefix, clusters = [], appOptions = {} }: StaticConfig): object {
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: statPrefix,
    http_protocol_options: { enable_trailers: true },
    route_config: {
      virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ name: "default", match: { prefix: "/" }, route: { cluster: "app" } }] }],
    },
    http_filters: [
      filter,
      { name: "router", typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } },
    ],
  };
  return {
    listeners: [{ name: "inbound", address: loopback(0), filter_chains: [{ filters: [{ name: "hcm", typed_config: manager }] }] }],
    clusters: [loopbackCluster("app", app, appOptions), ...clusters],
  };
}

/** A cluster of one endpoint on this machine. `more`: its other fields. */
export function loopbackCluster(name: string, port: number, more: object = {}): object {
  return {
    name,
    connect_timeout: "2s",
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: loopback(port) } }] }] },
    ...more,
  };
}

function loopback(port: number): object {
  return { socket_address: { address: "127.0.0.1", port_value: port } };
}
