import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { DeltaDiscoveryRequest } from "../../../xds/gen/envoy/service/discovery/v3/discovery.ts";
import { again, type Orders, type Tally } from "./orders.ts";

const ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const WATCH = "/grpc.health.v1.Health/Watch";
const CSDS = "/envoy.service.status.v3.ClientStatusDiscoveryService/StreamClientStatus";
const ECDS = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
/** Each attack keeps its sockets this long. */
const HELD_MS = 3_000;
const MiB = 1024 * 1024;

/** What a stranger, or a proxy of the hostile namespace, can send to the xDS port. */
export function attackXds(orders: Orders, tally: Tally): Promise<never>[] {
  const { namespace, victim } = orders;
  const mine = { id: "evil-1", metadata: { NAMESPACE: namespace } };
  const claimed = { id: victim.node, metadata: { NAMESPACE: victim.namespace, LABELS: { app: "none" } } };
  const names = (prefix: string) => Array.from({ length: 9_000 }, (_, index) => `weir/${prefix}/${namespace}/f${index}`);
  const attack = (what: string, pauseMs: number, with_: (session: ClientHttp2Session) => void, windowSize?: number) =>
    again(tally, what, pauseMs, () => withSession(orders, with_, windowSize));
  return [
    attack("xds: messages without an end", 500, (session) => {
      for (let i = 0; i < 20; i += 1) open(session, ADS).write(Buffer.concat([head(4 * MiB - 1), Buffer.alloc(MiB)]));
    }),
    attack("xds: answers that nobody reads", 500, (session) => flood(open(session, WATCH), 1_000), 0),
    attack("xds: client status without an end", 500, (session) => flood(open(session, CSDS), 500), 0),
    attack("xds: requests for 9,000 names", 500, (session) => {
      const stream = open(session, ADS);
      stream.write(frame({ node: mine, typeUrl: ECDS, resourceNamesSubscribe: names("a") }));
      for (let i = 0; i < 20; i += 1) {
        const [gone, come] = i % 2 === 0 ? ["a", "b"] : ["b", "a"];
        stream.write(frame({ typeUrl: ECDS, resourceNamesUnsubscribe: names(gone), resourceNamesSubscribe: names(come) }));
      }
    }),
    attack("xds: claims to be another's proxy, and rejections in its name", 300, (session) => {
      const stream = open(session, ADS);
      stream.write(frame({ node: claimed, typeUrl: ECDS, resourceNamesSubscribe: ["weir/default"] }));
      for (let i = 1; i < 50; i += 1)
        stream.write(frame({ typeUrl: ECDS, responseNonce: `${i}`, errorDetail: { code: 3, message: "no" } }));
    }),
    attack("xds: streams opened and reset", 200, (session) => {
      for (let i = 0; i < 500; i += 1) open(session, ADS).close(8);
    }),
    again(tally, "xds: connections that say nothing", 1_000, () => silentSockets(orders.xdsPort, 300, "")),
    again(tally, "xds: what is no HTTP/2", 1_000, () => silentSockets(orders.xdsPort, 50, "GET / HTTP/1.1\r\n\r\n".repeat(50))),
  ];
}

/** What anybody can send to the HTTP port. */
export function attackHttp({ httpPort }: Orders, tally: Tally): Promise<never>[] {
  const line = (path: string) => `GET ${path} HTTP/1.1\r\nhost: a\r\n`;
  return [
    again(tally, "http: readers that do not read", 1_000, () => silentSockets(httpPort, 100, `${line("/api/v1/filters")}\r\n`.repeat(50))),
    again(tally, "http: watchers that do not read", 1_000, () => silentSockets(httpPort, 100, `${line("/api/v1/events")}\r\n`)),
    again(tally, "http: requests without an end", 1_000, () => silentSockets(httpPort, 100, line("/api/v1/filters"))),
    again(tally, "http: one request after the other", 20, async () => {
      await fetch(`http://127.0.0.1:${httpPort}/api/v1/filters`).then((response) => response.arrayBuffer());
    }),
  ];
}

async function withSession({ xdsPort, tls }: Orders, use: (session: ClientHttp2Session) => void, windowSize = 65_535): Promise<void> {
  const authority = `${tls === undefined ? "http" : "https"}://127.0.0.1:${xdsPort}`;
  const session = connect(authority, { settings: { initialWindowSize: windowSize }, rejectUnauthorized: false, ...tls });
  session.on("error", () => {});
  try {
    await new Promise<void>((resolve, reject) => {
      session.once("connect", () => resolve());
      session.once("error", reject);
      session.once("close", () => reject(new Error("closed")));
    });
    use(session);
    await new Promise((resolve) => setTimeout(resolve, HELD_MS));
  } finally {
    session.destroy();
  }
}

function open(session: ClientHttp2Session, path: string): ClientHttp2Stream {
  const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" });
  stream.on("error", () => {});
  stream.resume();
  return stream;
}

function flood(stream: ClientHttp2Stream, messages: number): void {
  stream.pause();
  stream.write(Buffer.concat(Array<Buffer>(messages).fill(head(0))));
}

function frame(request: DeltaDiscoveryRequest): Buffer {
  const bytes = DeltaDiscoveryRequest.encode(request).finish();
  return Buffer.concat([head(bytes.length), bytes]);
}

function head(length: number): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

/** Connections that say this and then nothing, and read nothing. */
async function silentSockets(port: number, number: number, text: string): Promise<void> {
  const sockets = Array.from({ length: number }, (): Socket => {
    const socket = connectTcp(port, "127.0.0.1").pause();
    socket.on("error", () => {});
    if (text !== "") socket.write(text);
    return socket;
  });
  await new Promise((resolve) => setTimeout(resolve, HELD_MS));
  for (const socket of sockets) socket.destroy();
}
