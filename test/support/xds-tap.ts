import { Client, credentials, type Metadata, Server, ServerCredentials, type ServerDuplexStream, status } from "@grpc/grpc-js";
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from "../../xds/gen/envoy/service/discovery/v3/discovery.ts";

const PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const METRICS = "/envoy.service.metrics.v3.MetricsService/StreamMetrics";
const MAX_MESSAGE_BYTES = 128 << 20;

export type Passed =
  | { readonly from: "proxy"; readonly message: DeltaDiscoveryRequest }
  | { readonly from: "server"; readonly message: DeltaDiscoveryResponse };

export interface XdsTap {
  readonly port: number;
  /** Every message that passed, in order. */
  readonly passed: readonly Passed[];
  /** Cuts every stream, like a broken network. */
  cut(): void;
  stop(): Promise<void>;
}

export interface XdsTapOptions {
  /** Port of the xDS server on 127.0.0.1. */
  readonly target: number;
  /** What the proxy's request becomes before the server sees it; `"lost"`: the connection breaks on its way. */
  readonly edit?: (request: DeltaDiscoveryRequest) => DeltaDiscoveryRequest | "lost";
}

/** Makes a proxy look like one that is older than filter_chain. */
export function hideFilterChain(request: DeltaDiscoveryRequest): DeltaDiscoveryRequest {
  if (request.node === undefined) return request;
  const extensions = request.node.extensions?.filter(({ name }) => name !== "envoy.filters.http.filter_chain");
  return { ...request, node: { ...request.node, extensions } };
}

/** Relays between proxies and the xDS server: records every message, and can edit the proxies' requests. Delta ADS only. */
export async function startXdsTap({ target, edit = (request) => request }: XdsTapOptions): Promise<XdsTap> {
  const passed: Passed[] = [];
  const limits = { "grpc.max_receive_message_length": MAX_MESSAGE_BYTES, "grpc.max_send_message_length": MAX_MESSAGE_BYTES };
  const client = new Client(`127.0.0.1:${target}`, credentials.createInsecure(), limits);
  const server = new Server(limits);
  const streams = new Set<() => void>();

  function ads(incoming: ServerDuplexStream<Buffer, Buffer>): void {
    const outgoing = client.makeBidiStreamRequest<Buffer, Buffer>(PATH, asIs, asIs);
    const end = () => {
      streams.delete(cut);
      outgoing.cancel();
      incoming.end();
    };
    const cut = () => {
      end();
      incoming.emit("error", { code: status.UNAVAILABLE, details: "cut" });
    };
    streams.add(cut);
    incoming.on("data", (bytes: Buffer) => {
      const message = edit(DeltaDiscoveryRequest.decode(bytes));
      if (message === "lost") return cut();
      passed.push({ from: "proxy", message });
      outgoing.write(Buffer.from(DeltaDiscoveryRequest.encode(message).finish()));
    });
    outgoing.on("data", (bytes: Buffer) => {
      passed.push({ from: "server", message: DeltaDiscoveryResponse.decode(bytes) });
      incoming.write(bytes);
    });
    for (const event of ["end", "error", "cancelled"] as const) incoming.once(event, end);
    outgoing.once("end", end).once("error", end);
  }

  /** Drops the statistics: a test that wants them asks the proxy's admin interface. */
  function metrics(
    incoming: { resume(): void; on(event: string, listener: () => void): void },
    done: (error: null, reply: Buffer, trailer?: Metadata) => void,
  ) {
    incoming.resume();
    incoming.on("end", () => done(null, Buffer.alloc(0)));
  }

  const codec = { requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize: asIs };
  server.addService(
    {
      ads: { path: PATH, requestStream: true, responseStream: true, ...codec },
      metrics: { path: METRICS, requestStream: true, responseStream: false, ...codec },
    },
    { ads, metrics },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return {
    port,
    passed,
    cut: () => {
      for (const cut of [...streams]) cut();
    },
    async stop() {
      server.forceShutdown();
      client.close();
    },
  };
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
