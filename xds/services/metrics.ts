import { BinaryReader } from "@bufbuild/protobuf/wire";
import { messageOf } from "../../base/error.ts";
import type { ProxyIdentity } from "../../model/identity.ts";
import type { Result } from "../../model/result.ts";
import { MetricFamily } from "../gen/io/prometheus/client/metrics.ts";
import type { Connection, GuardedMethod } from "../grpc/call.ts";
import { frame } from "../grpc/message.ts";
import { status } from "../grpc/status.ts";
import { createOpenGuard, type ProxyMethod } from "../identity/guard.ts";
import { decodeUtf8, Fields, takeOut } from "../protobuf/wire.ts";
import { decodeNode, type NodeInfo, parseNode } from "../stream/node.ts";

/** What a proxy reports about itself. */
export interface Report {
  /** Which proxy it says that it is, in the first message of its stream. */
  readonly key: string;
  /** What carries it. */
  readonly connection: Connection;
  /** Differs from stream to stream: in another one, counters may have started again from 0. */
  readonly streamId: number;
  readonly families: readonly MetricFamily[];
}

/** Takes what proxies report. */
export interface MetricsSink {
  /** True for the name of a family that is wanted; the others are not decoded. An Envoy has thousands. */
  wants(name: string): boolean;
  take(report: Report): void;
}

/** Numbers of the fields of a message, of `node` in an identifier, and of `name` in a family. */
const IDENTIFIER = 1;
const FAMILIES = 2;
const NODE = 1;
const NAME = 1;
const LENGTH_DELIMITED = 2;
/** Bytes of a name, and of a family that has one series with its quantiles. */
const MAX_NAME = 1024;
const MAX_FAMILY = 64 * 1024;
/**
 * Bytes of a message, and of it the families that are wanted and the fields that are looked at: what comes after them is left out. An Envoy writes each of its
 * statistics into every report, some 100 bytes for each, its counters first: one with a thousand clusters has 100,000. If its reports were refused, it would count as hung.
 */
const MAX_REPORT = 12 * 1024 * 1024;
const TOO_LARGE =
  "its statistics are not counted, so it may be taken for a proxy that hangs; have it report fewer: a stats_config.stats_matcher in its bootstrap that keeps http. and wasm.";
const MAX_FAMILIES = 1024;
const MAX_FIELDS = 100_000;
const PATH = "/envoy.service.metrics.v3.MetricsService/StreamMetrics";

/**
 * Envoy's metrics service: proxies stream their stats here once a flush interval. Only the first message of a stream names the node.
 * A message that cannot be decoded ends that stream, and nothing else.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/metrics/v3/metrics_service.proto
 */
export function metricsMethod(sink: MetricsSink, guard = createOpenGuard()): [string, GuardedMethod] {
  let lastId = 0;
  const method: ProxyMethod = (call, identity) => {
    lastId += 1;
    const streamId = lastId;
    let key: string | undefined;
    return {
      maxRequestSize: MAX_REPORT,
      tooLarge: TOO_LARGE,
      message(bytes) {
        try {
          const { identifier, families } = readMessage(bytes, (name) => sink.wants(name));
          const node = key === undefined && identifier !== undefined ? nodeOf(identifier, identity) : undefined;
          if (node?.ok === false && node.error.reason === "NotYours") return call.end(status.permissionDenied, node.error.message);
          key ??= node?.ok === true ? node.value.key : "";
          if (key !== "") sink.take({ key, connection: call.connection, streamId, families });
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
  return [PATH, guard.forProxies(method)];
}

interface Reported {
  readonly identifier: Uint8Array | undefined;
  readonly families: readonly MetricFamily[];
}

/** Throws when the bytes are no such message. */
function readMessage(bytes: Uint8Array, wants: (name: string) => boolean): Reported {
  const fields = new Fields(bytes);
  const families: MetricFamily[] = [];
  let identifier: Uint8Array | undefined;
  for (let seen = 0; seen < MAX_FIELDS && fields.next(); seen++) {
    if (!fields.isDelimited) continue;
    const { number, start, end } = fields;
    const content = bytes.subarray(start, end);
    if (number === IDENTIFIER) identifier = content;
    if (number !== FAMILIES || content.length > MAX_FAMILY || families.length === MAX_FAMILIES || !wants(nameOf(content))) continue;
    families.push(MetricFamily.decode(content));
  }
  return { identifier, families };
}

/** The name of a family, which encoders write first; empty where it is not. */
function nameOf(family: Uint8Array): string {
  if (family[0] !== ((NAME << 3) | LENGTH_DELIMITED)) return "";
  const reader = new BinaryReader(family);
  reader.uint32();
  const length = reader.uint32();
  const end = reader.pos + length;
  return length > MAX_NAME || end > family.length ? "" : decodeUtf8(family.subarray(reader.pos, end));
}

/** The proxy that an identifier names; `undefined` when it names none. */
function nodeOf(identifier: Uint8Array, identity: ProxyIdentity | undefined): Result<NodeInfo> | undefined {
  let node: Result<NodeInfo> | undefined;
  takeOut(identifier, NODE, (start, end) => {
    node = parseNode(decodeNode(identifier.subarray(start, end)), identity);
  });
  return node;
}
