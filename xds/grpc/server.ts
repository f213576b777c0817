import { createSecureServer, createServer, type Http2SecureServer, type ServerOptions } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { SecureContextOptions, TlsOptions } from "node:tls";
import { addressOf, type ConnectionOwner, ServerConnection } from "./connection.ts";

type Optional = "refused" | "graceMs";

export interface GrpcServerOptions extends Omit<ConnectionOwner, Optional>, Partial<Pick<ConnectionOwner, Optional>> {
  /** Absent: plaintext. */
  readonly tls?: TlsOptions | undefined;
  /** Milliseconds between pings; a connection that owes the answer to one by the next is dead. */
  readonly keepaliveMs?: number;
}

export interface GrpcServer {
  /** `address`: `host:port`; port 0 takes a free one. Rejects when it cannot be had. */
  listen(address: string): Promise<{ readonly host: string; readonly port: number }>;
  /** Takes no more calls and waits for those that are open, for a while. */
  close(): Promise<void>;
  /** Certificate, key and client CA of handshakes from now on. Throws when they are unusable, or the server is in plaintext. */
  setSecureContext(context: SecureContextOptions): void;
  connections(): number;
}

const KEEPALIVE_MS = 30_000;
const GRACE_MS = 2_000;
const BACKLOG = 4096;
/** Bounds of each connection that Node and nghttp2 keep. https://nodejs.org/api/http2.html#http2createserveroptions-onrequesthandler */
const BOUNDS: ServerOptions & { readonly handshakeTimeout: number } = {
  settings: { maxConcurrentStreams: 1_000, maxHeaderListSize: 16 * 1024 },
  maxHeaderListPairs: 64,
  maxSettings: 32,
  maxOutstandingPings: 2,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  // MB. What waits for a slow client counts, although it is shared, and beyond this a client gets no more calls: several of the largest pushes must fit.
  maxSessionMemory: 512,
  handshakeTimeout: 20_000,
};

/** A gRPC server for streams of encoded messages. docs/decisions/0009-grpc-on-node-http2.md says why it is not a library's. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const owner: ConnectionOwner = { refused() {}, graceMs: GRACE_MS, ...options };
  const server = options.tls === undefined ? createServer(BOUNDS) : createTlsServer(options.tls, owner);
  const connections = new Set<ServerConnection>();
  let accepted: Socket;
  // Node emits `session` while it handles this event.
  server.prependListener(options.tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    accepted = socket;
  });
  server.on("session", (session) => {
    const connection = new ServerConnection(session, accepted, owner);
    connections.add(connection);
    session.once("close", () => connections.delete(connection));
  });
  /** Also those whose client never completes its TLS handshake. */
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const keepalive = setInterval(() => {
    for (const connection of connections) connection.ping();
  }, options.keepaliveMs ?? KEEPALIVE_MS).unref();

  return {
    listen(address) {
      const colon = address.lastIndexOf(":");
      const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
      return new Promise((resolve, reject) => {
        server.once("error", (error) => reject(new Error(`cannot listen on ${address}: ${error.message}`)));
        server.listen({ host, port: Number(address.slice(colon + 1)), backlog: BACKLOG }, () => {
          resolve({ host, port: (server.address() as AddressInfo).port });
        });
      });
    },
    async close() {
      clearInterval(keepalive);
      for (const connection of connections) connection.retire();
      const late = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, owner.graceMs);
      await new Promise<void>((resolve) => server.close(() => resolve()));
      clearTimeout(late);
    },
    setSecureContext(context) {
      if (!("setSecureContext" in server)) throw new Error("the server is in plaintext");
      server.setSecureContext(context);
    },
    connections: () => connections.size,
  };
}

function createTlsServer(tls: TlsOptions, { refused }: ConnectionOwner): Http2SecureServer {
  return createSecureServer({ ...BOUNDS, ...tls })
    .on("tlsClientError", (error: Error & { readonly reason?: string }, socket) => {
      refused(addressOf(socket), "protocol", `the TLS handshake failed: ${socket.authorizationError ?? error.reason ?? error.message}`);
    })
    .on("unknownProtocol", (socket) => {
      refused(addressOf(socket), "protocol", "it does not speak HTTP/2");
      socket.destroy();
    });
}
