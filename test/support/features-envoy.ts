import { type Envoy, startEnvoy } from "./envoy.ts";
import { loopbackCluster, staticConfig } from "./static-config.ts";

export interface FeaturesEnvoy {
  readonly envoy: Envoy;
  readonly port: number;
}

/** Ports of what the filter talks to; `grpc` absent: nobody listens there. */
export interface Upstreams {
  readonly app: number;
  readonly grpc: number;
}

const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const speaks = (protocol: object) => ({
  typed_extension_protocol_options: { [HTTP_OPTIONS]: { "@type": `type.googleapis.com/${HTTP_OPTIONS}`, explicit_http_config: protocol } },
});

/** An Envoy with one worker and one filter, from a file, before an app. */
export async function startFeaturesEnvoy(module: string, configuration: string, { app, grpc }: Upstreams): Promise<FeaturesEnvoy> {
  const plugin = {
    name: "sdk",
    configuration: { "@type": "type.googleapis.com/google.protobuf.StringValue", value: configuration },
    vm_config: { vm_id: "sdk", runtime: "envoy.wasm.runtime.v8", code: { local: { filename: module } } },
  };
  const filter = {
    name: "sdk",
    typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", config: plugin },
  };
  const clusters = [loopbackCluster("grpc", grpc, speaks({ http2_protocol_options: {} }))];
  const config = {
    static_resources: staticConfig({
      filter,
      app,
      statPrefix: "features",
      clusters,
      appOptions: speaks({ http_protocol_options: { enable_trailers: true } }),
    }),
  };
  const envoy = await startEnvoy({ config: JSON.stringify(config), concurrency: 1, log: "wasm:info" });
  await envoy.ready();
  return { envoy, port: await envoy.port() };
}
