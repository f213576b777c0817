import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from "../../../xds/gen/envoy/service/discovery/v3/discovery.ts";
import { StreamMetricsMessage } from "../../../xds/gen/envoy/service/metrics/v3/metrics_service.ts";
import { frame, MessageReader } from "../../../xds/grpc/message.ts";

/** What a fleet of light proxies counts of one server. */
export interface Traffic {
  /** Bytes of gRPC messages that came, with their prefixes. */
  bytes: number;
  responses: number;
  /** Calls that ended, which none should. */
  ended: number;
}

export interface LightProxyOptions {
  readonly port: number;
  readonly id: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly traffic: Traffic;
}

/** What to a server is an Envoy: delta ADS on a connection of its own. It subscribes to one slot and acknowledges all that it is sent. */
export interface LightProxy {
  /** Resolves with the first response. */
  readonly answered: Promise<void>;
  /** Sends counters of its requests once, as an Envoy does each second; the first time it names itself. */
  report(): void;
  close(): void;
}

const DISCOVERY = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const METRICS = "/envoy.service.metrics.v3.MetricsService/StreamMetrics";
const TYPE = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
const LARGEST = 2 ** 26;

export function startLightProxy(options: LightProxyOptions): LightProxy {
  const session = connect(`http://127.0.0.1:${options.port}`);
  session.on("error", () => {});
  const node = nodeOf(options);
  const answered = Promise.withResolvers<void>();
  const call = open(session, DISCOVERY, options.traffic, (message) => {
    const { nonce = "" } = DeltaDiscoveryResponse.decode(message);
    call.write(frame([DeltaDiscoveryRequest.encode({ typeUrl: TYPE, responseNonce: nonce }).finish()]));
    answered.resolve();
  });
  const subscribe = { node, typeUrl: TYPE, resourceNamesSubscribe: ["weir/default"] };
  call.write(frame([DeltaDiscoveryRequest.encode(subscribe).finish()]));
  let metrics: ClientHttp2Stream | undefined;
  let requests = 0;
  return {
    answered: answered.promise,
    report() {
      const identifier = metrics === undefined ? { identifier: { node } } : {};
      metrics ??= open(session, METRICS, options.traffic, () => {});
      requests += 10;
      metrics.write(frame([StreamMetricsMessage.encode({ ...identifier, envoyMetrics: familiesOf(requests) }).finish()]));
    },
    close: () => session.destroy(),
  };
}

function open(session: ClientHttp2Session, path: string, traffic: Traffic, onMessage: (message: Buffer) => void): ClientHttp2Stream {
  const messages = new MessageReader(LARGEST);
  const call = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" });
  call.on("error", () => {});
  call.once("close", () => {
    traffic.ended += 1;
  });
  call.on("data", (bytes: Buffer) => {
    traffic.bytes += bytes.length;
    messages.push(bytes);
    for (let next = messages.next(); typeof next === "object"; next = messages.next()) {
      traffic.responses += 1;
      onMessage(next);
    }
    messages.keep();
  });
  return call;
}

function familiesOf(requests: number) {
  const counter = (name: string, value: number) => ({ name, metric: [{ counter: { value } }] });
  const name = "http.inbound.downstream_rq";
  const time = { name: `${name}_time`, metric: [{ summary: { sampleCount: 10, sampleSum: 50 } }] };
  return [counter(`${name}_completed`, requests), counter(`${name}_5xx`, 0), time];
}

function nodeOf({ id, namespace, labels }: LightProxyOptions) {
  return {
    id,
    metadata: { NAMESPACE: namespace, LABELS: { ...labels } },
    userAgentName: "envoy",
    userAgentVersionType: {
      $case: "userAgentBuildVersion" as const,
      userAgentBuildVersion: { version: { majorNumber: 1, minorNumber: 40, patch: 0 } },
    },
    extensions: [{ name: "envoy.filters.http.filter_chain" }],
  };
}
