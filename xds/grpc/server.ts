import {
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type Http2Session,
  type SecureServerOptions,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { endStream, type Method, serveCall } from "./call.ts";
import { status } from "./status.ts";

export interface GrpcServerOptions {
  /** `/package.Service/Method` -> what serves it. */
  readonly methods: ReadonlyMap<string, Method>;
  /** Absent: plaintext. */
  readonly tls?: SecureServerOptions | undefined;
  /** Bytes of a message. */
  readonly maxRequestSize: number;
  /** Milliseconds after which a connection is asked to come back, maybe to another replica; 0: never. */
  readonly maxConnectionAgeMs: number;
  readonly keepaliveMs?: number;
  /** Told when a client is refused: its address, and why. */
  readonly refused?: (peer: string, why: string) => void;
}

export interface GrpcServer {
  /** `address`: `host:port`; port 0 takes a free one. Throws when it cannot be had. */
  listen(address: string): Promise<{ readonly host: string; readonly port: number }>;
  /** Takes no more calls and waits for those that are open, for a while. */
  close(): Promise<void>;
  connections(): number;
}

const KEEPALIVE_MS = 30_000;
/** Milliseconds that a client has to answer a ping. */
const KEEPALIVE_TIMEOUT_MS = 20_000;
/** Milliseconds that open calls have to end once their connection is to close. */
const CLOSE_GRACE_MS = 2_000;
const MAX_CONCURRENT_CALLS = 1_000;
/** Of a path in messages. */
const LONGEST_PATH = 200;
/** Requests are small: this much of one may be on its way before the server has read it. */
const WINDOW = 256 * 1024;

/** A gRPC server for streams of encoded messages. docs/decisions/0006-grpc-transport.md says why it stands on node:http2. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { maxRequestSize, refused = () => {} } = options;
  const sessions = new Set<ServerHttp2Session>();
  const peers = new WeakMap<Http2Session, string>();
  const peerOf = (session: Http2Session | undefined) => (session && peers.get(session)) ?? "unknown";
  const settings = { maxConcurrentStreams: MAX_CONCURRENT_CALLS, initialWindowSize: WINDOW, enablePush: false };
  // What a stream may have on its way is bounded per call; the bound of the session would refuse new calls instead.
  const common = { settings, maxSessionMemory: Number.MAX_SAFE_INTEGER };
  const server: Http2Server = options.tls ? createSecureServer({ ...options.tls, ...common, allowHTTP1: false }) : createServer(common);

  server.on("sessionError", () => {});
  server.on("session", (session) => {
    sessions.add(session);
    const { remoteAddress, remotePort } = session.socket;
    peers.set(session, `${remoteAddress}:${remotePort}`);
    session.on("error", (error: NodeJS.ErrnoException) => {
      // Other errors are broken connections: those come and go.
      if (error.code === "ERR_HTTP2_ERROR") refused(peerOf(session), `it does not speak HTTP/2, as gRPC does: ${error.message}`);
    });
    const stop = keepWatch(session, options);
    session.once("close", () => {
      sessions.delete(session);
      stop();
    });
  });
  server.on("stream", (stream, headers) => {
    const contentType = headers["content-type"] ?? "";
    if (headers[":method"] !== "POST" || !contentType.startsWith("application/grpc")) {
      refused(peerOf(stream.session), "it speaks HTTP/2, but not gRPC");
      stream.respond({ ":status": 415 }, { endStream: true });
      return;
    }
    const path = headers[":path"] ?? "";
    const method = options.methods.get(path);
    const peer = peerOf(stream.session);
    if (method !== undefined) serveCall(stream, headers, method, { maxRequestSize, refused: (why) => refused(peer, why) });
    else {
      const why = `there is no method ${path.slice(0, LONGEST_PATH)}`;
      refused(peer, why);
      endStream(stream, status.unimplemented, why);
    }
  });

  return {
    listen(address) {
      const colon = address.lastIndexOf(":");
      const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
      return new Promise((resolve, reject) => {
        server.once("error", (error) => reject(new Error(`cannot listen on ${address}: ${error.message}`)));
        server.listen({ host, port: Number(address.slice(colon + 1)), backlog: 4096 }, () => {
          resolve({ host, port: (server.address() as AddressInfo).port });
        });
      });
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.close();
      const late = setTimeout(() => {
        for (const session of sessions) session.destroy();
      }, CLOSE_GRACE_MS);
      await closed;
      clearTimeout(late);
    },
    connections: () => sessions.size,
  };
}

/** Pings a connection, ends it when it is dead, and asks it to come back when it is old. */
function keepWatch(session: ServerHttp2Session, { keepaliveMs = KEEPALIVE_MS, maxConnectionAgeMs }: GrpcServerOptions): () => void {
  let dead: NodeJS.Timeout | undefined;
  const ping = setInterval(() => {
    if (session.destroyed || dead !== undefined) return;
    dead = setTimeout(() => session.destroy(), KEEPALIVE_TIMEOUT_MS);
    session.ping((error) => {
      clearTimeout(dead);
      dead = undefined;
      if (error) session.destroy();
    });
  }, keepaliveMs);
  // Ten percent more or less, so that what came together does not come back together.
  const age = maxConnectionAgeMs > 0 ? setTimeout(retire, maxConnectionAgeMs * (0.9 + Math.random() * 0.2)) : undefined;
  let late: NodeJS.Timeout | undefined;

  function retire(): void {
    session.goaway(constants.NGHTTP2_NO_ERROR);
    session.close();
    late = setTimeout(() => session.destroy(), CLOSE_GRACE_MS);
  }

  return () => {
    for (const timer of [dead, age, late]) clearTimeout(timer);
    clearInterval(ping);
  };
}
