import type { handleClientStreamingCall, Server, ServerReadableStream, sendUnaryData } from "@grpc/grpc-js";
import { StreamMetricsMessage } from "./gen/envoy/service/metrics/v3/metrics_service.ts";
import type { MetricFamily } from "./gen/io/prometheus/client/metrics.ts";

/** Takes what a proxy reports of itself. `id`: its node id, from the stream's first message; `isFirst`: counters may have started anew. */
export type MetricsSink = (id: string, families: readonly MetricFamily[], isFirst: boolean) => void;

const PATH = "/envoy.service.metrics.v3.MetricsService/StreamMetrics";

const identity = (bytes: Buffer) => bytes;

/**
 * Envoy's metrics service: proxies stream their stats here once a flush interval. Only the first message of a stream names the node.
 * A message that cannot be decoded ends that stream, and nothing else.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/metrics/v3/metrics_service.proto
 */
export function registerMetricsService(server: Server, sink: MetricsSink): void {
  const handler: handleClientStreamingCall<Buffer, Buffer> = (call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
    let id: string | undefined;
    call.on("data", (bytes: Buffer) => {
      try {
        const message = StreamMetricsMessage.decode(bytes);
        const isFirst = id === undefined;
        id ??= message.identifier?.node?.id ?? "";
        if (id !== "") sink(id, message.envoyMetrics ?? [], isFirst);
      } catch (error) {
        done({ code: 3, details: `not a StreamMetricsMessage: ${error instanceof Error ? error.message : String(error)}` });
        call.destroy();
      }
    });
    call.on("end", () => done(null, Buffer.alloc(0)));
    call.on("error", () => {});
  };
  server.register(PATH, handler, identity, identity, "clientStream");
}
