import { type Envoy, startEnvoy } from "./envoy.ts";

export interface FeaturesEnvoy {
  readonly envoy: Envoy;
  readonly port: number;
}

/** Ports of what the filter talks to; `grpc` absent: nobody listens there. */
export interface Upstreams {
  readonly app: number;
  readonly grpc: number;
}

const address = (value: number) => ({ socket_address: { address: "127.0.0.1", port_value: value } });

function cluster(name: string, port: number, isHttp2: boolean) {
  const options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  return {
    name,
    connect_timeout: "2s",
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }] },
    ...(isHttp2
      ? {
          typed_extension_protocol_options: {
            [options]: { "@type": `type.googleapis.com/${options}`, explicit_http_config: { http2_protocol_options: {} } },
          },
        }
      : {}),
  };
}

/** An Envoy with one worker and one filter, from a file, before an app. */
export async function startFeaturesEnvoy(module: string, configuration: string, { app, grpc }: Upstreams): Promise<FeaturesEnvoy> {
  const plugin = {
    name: "sdk",
    configuration: { "@type": "type.googleapis.com/google.protobuf.StringValue", value: configuration },
    vm_config: { vm_id: "sdk", runtime: "envoy.wasm.runtime.v8", code: { local: { filename: module } } },
  };
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "features",
    http_protocol_options: { enable_trailers: true },
    route_config: {
      virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "app" } }] }],
    },
    http_filters: [
      { name: "sdk", typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", config: plugin } },
      { name: "router", typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } },
    ],
  };
  const config = {
    static_resources: {
      listeners: [{ name: "inbound", address: address(0), filter_chains: [{ filters: [{ name: "hcm", typed_config: manager }] }] }],
      clusters: [cluster("app", app, false), cluster("grpc", grpc, true)],
    },
  };
  const envoy = await startEnvoy({ config: JSON.stringify(config), concurrency: 1, log: "wasm:info" });
  await envoy.ready();
  return { envoy, port: await envoy.port() };
}
