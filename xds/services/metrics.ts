import { messageOf } from "../../base/error.ts";
import { StreamMetricsMessage } from "../gen/envoy/service/metrics/v3/metrics_service.ts";
import type { MetricFamily } from "../gen/io/prometheus/client/metrics.ts";
import type { Method } from "../grpc/call.ts";
import { frame } from "../grpc/message.ts";
import { status } from "../grpc/status.ts";
import { takeOut } from "../protobuf/wire.ts";
import { decodeNode, parseNode } from "../stream/node.ts";

/** Takes what a proxy reports about itself. `key`: which proxy, from the first message of the stream; `isFirst`: counters may have started again from 0. */
export type MetricsSink = (key: string, families: readonly MetricFamily[], isFirst: boolean) => void;

/** Number of the field `identifier`, and of `node` in it. */
const IDENTIFIER = 1;
const NODE = 1;
const PATH = "/envoy.service.metrics.v3.MetricsService/StreamMetrics";

/**
 * Envoy's metrics service: proxies stream their stats here once a flush interval. Only the first message of a stream names the node.
 * A message that cannot be decoded ends that stream, and nothing else.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/metrics/v3/metrics_service.proto
 */
export function metricsMethod(sink: MetricsSink): [string, Method] {
  const method: Method = (call) => {
    let key: string | undefined;
    return {
      message(bytes) {
        try {
          const isFirst = key === undefined;
          const metrics = takeOut(bytes, IDENTIFIER, (start, end) => {
            key ??= keyOf(bytes.subarray(start, end));
          });
          key ??= "";
          if (key !== "") sink(key, StreamMetricsMessage.decode(metrics).envoyMetrics ?? [], isFirst);
        } catch (error) {
          call.end(status.invalidArgument, `not a StreamMetricsMessage: ${messageOf(error)}`);
        }
      },
      halfClosed() {
        call.send(frame([]));
        call.end(status.ok);
      },
      closed() {},
    };
  };
  return [PATH, method];
}

/** The key of the proxy that an identifier names; `undefined` when it names none. */
function keyOf(identifier: Uint8Array): string | undefined {
  let key: string | undefined;
  takeOut(identifier, NODE, (start, end) => {
    const node = parseNode(decodeNode(identifier.subarray(start, end)));
    if (node.ok) key = node.value.key;
  });
  return key;
}
