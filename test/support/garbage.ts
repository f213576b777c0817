import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { DeltaDiscoveryRequest, DiscoveryRequest } from "../../xds/gen/envoy/service/discovery/v3/discovery.ts";

/** What broken clients send to an xDS port, and how the server must answer. */
const NOISE = Uint8Array.from({ length: 4096 }, (_, i) => (Math.imul(i + 7, 2_654_435_761) >>> 13) & 0xff);
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService";
const ECDS_TYPE = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

/** Bytes that are not gRPC. The server must close the connection. */
export const noise: readonly (readonly [string, Uint8Array])[] = [
  ["random bytes", NOISE],
  ["an HTTP/1.1 request", Buffer.from("GET / HTTP/1.1\r\nhost: weir\r\n\r\n")],
  [
    "the start of a TLS handshake",
    Uint8Array.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, ...NOISE.subarray(0, 600)]),
  ],
  ["HTTP/2's preface and random bytes after it", Buffer.concat([PREFACE, NOISE])],
];

export interface BadStream {
  readonly what: string;
  readonly path: string;
  /** As it goes on the wire, length prefixes included. */
  readonly bytes: Uint8Array;
  /** gRPC status that ends the stream. https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
  readonly status: number;
  readonly says: RegExp;
}

const request = (fields: DeltaDiscoveryRequest) => frame(DeltaDiscoveryRequest.encode(fields).finish());
const node = { id: "garbage-1" };

/** Streams that are gRPC and then go wrong. */
export const badStreams: readonly BadStream[] = [
  {
    what: "an undecodable delta request",
    path: `${ADS}/DeltaAggregatedResources`,
    bytes: frame(NOISE),
    status: 3,
    says: /not a valid DeltaDiscoveryRequest/,
  },
  {
    what: "an undecodable request",
    path: `${ADS}/StreamAggregatedResources`,
    bytes: frame(NOISE),
    status: 3,
    says: /not a valid DiscoveryRequest/,
  },
  {
    what: "a good request and an undecodable one after it",
    path: `${ADS}/DeltaAggregatedResources`,
    bytes: Buffer.concat([request({ node, typeUrl: ECDS_TYPE, resourceNamesSubscribe: ["weir/default"] }), frame(NOISE)]),
    status: 3,
    says: /not a valid DeltaDiscoveryRequest/,
  },
  {
    what: "a request without a node",
    path: `${ADS}/DeltaAggregatedResources`,
    bytes: request({ typeUrl: ECDS_TYPE }),
    status: 3,
    says: /node\.id.*bootstrap/,
  },
  {
    what: "a node.id of 100,000 characters",
    path: `${ADS}/DeltaAggregatedResources`,
    bytes: request({ node: { id: "x".repeat(100_000) }, typeUrl: ECDS_TYPE }),
    status: 3,
    says: /node\.id has 100000 characters/,
  },
  {
    what: "a request without a type",
    path: `${ADS}/StreamAggregatedResources`,
    bytes: frame(DiscoveryRequest.encode({ node }).finish()),
    status: 3,
    says: /type_url/,
  },
  {
    what: "a subscription to 20,000 names",
    path: `${ADS}/DeltaAggregatedResources`,
    bytes: request({ node, typeUrl: ECDS_TYPE, resourceNamesSubscribe: Array.from({ length: 20_000 }, (_, i) => `weir/s${i}`) }),
    status: 8,
    says: /at most 5000 resources/,
  },
  {
    what: "a message of 1 GiB announced",
    path: `${ADS}/DeltaAggregatedResources`,
    bytes: Uint8Array.of(0, 0x40, 0, 0, 0, 1, 2, 3),
    status: 8,
    says: /4194304|larger/,
  },
  {
    what: "an unknown method",
    path: "/envoy.service.discovery.v3.NoSuchService/Stream",
    bytes: frame(NOISE),
    status: 12,
    says: /NoSuchService/,
  },
];

/** A message with its length prefix. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests */
function frame(message: Uint8Array): Uint8Array {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([prefix, message]);
}

/** Sends the bytes and resolves when the other end has closed; rejects when it does not in time. */
export function sendNoise(port: number, bytes: Uint8Array, timeoutMs = 10_000): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    const late = setTimeout(() => {
      socket.destroy();
      reject(new Error(`still open after ${timeoutMs} ms`));
    }, timeoutMs);
    socket.on("error", () => {}); // a reset closes as well
    socket.resume();
    socket.once("close", () => {
      clearTimeout(late);
      resolve();
    });
  });
}

/** Opens a gRPC stream, sends the bytes, and gives the status that ended it. The client does not end its side: the server must. */
export function sendStream(
  port: number,
  path: string,
  bytes: Uint8Array,
  timeoutMs = 10_000,
): Promise<{ status: number; message: string }> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const late = setTimeout(() => finish(new Error(`the stream was not ended within ${timeoutMs} ms`)), timeoutMs);
    const finish = (result: Error | { status: number; message: string }) => {
      clearTimeout(late);
      session.destroy();
      if (result instanceof Error) reject(result);
      else resolve(result);
    };
    session.on("error", finish);
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" });
    const statusOf = (headers: Record<string, unknown>) => {
      const { "grpc-status": status, "grpc-message": message = "" } = headers;
      if (status !== undefined) finish({ status: Number(status), message: decodeURIComponent(String(message)) });
    };
    stream.on("response", statusOf);
    stream.on("trailers", statusOf);
    stream.on("error", finish);
    stream.resume();
    stream.write(bytes);
  });
}
