import { randomBytes } from "node:crypto";
import { createSecureServer, createServer, type Http2SecureServer, type ServerOptions } from "node:http2";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { SecureContextOptions, TlsOptions } from "node:tls";
import { messageOf } from "../../base/error.ts";
import { listen } from "../../base/listen.ts";
import { anchorsOf } from "./anchor.ts";
import { addressOf, type ConnectionOwner, ServerConnection } from "./connection.ts";
import { nameOf, type SocketBounds, Sockets } from "./sockets.ts";
import { Turns } from "./turns.ts";
import { Unfinished } from "./unfinished.ts";

type Optional = "refused" | "graceMs" | "answerMs" | "unfinishedMs" | "firstCallMs" | "idleMs" | "keepaliveProbes";

export interface GrpcServerOptions
  extends Omit<ConnectionOwner, Optional | "turns" | "unfinished" | "setIdle">,
    Partial<Pick<ConnectionOwner, Optional>>,
    Partial<SocketBounds> {
  /** Absent: plaintext. */
  readonly tls?: TlsOptions | undefined;
  /** Milliseconds between pings; a connection that answers none of `keepaliveProbes` in a row (default: one) by the next is dead. */
  readonly keepaliveMs?: number;
  /** Milliseconds between looks for what waited too long. */
  readonly sweepMs?: number;
}

export interface GrpcServer {
  /** `address`: `host:port`; port 0 takes a free one. Rejects when it cannot be had. */
  listen(address: string): Promise<{ readonly host: string; readonly port: number }>;
  /**
   * Takes no more connections, and asks those that are open to go, one after the other over so many milliseconds: what leaves together comes back together, to somebody
   * else. Resolves when none is left, at the latest a grace after the last was asked.
   */
  drain(ms: number): Promise<void>;
  /** Takes no more calls and waits for those that are open, for a while. */
  close(): Promise<void>;
  /**
   * Certificate, key and client CA of handshakes from now on. Connections whose client certificate leads to an authority that is not among them any more are asked to
   * go, and cut after a grace; others stay. Throws when they are unusable, or the server is in plaintext.
   */
  setSecureContext(context: SecureContextOptions): void;
  connections(): number;
}

const KEEPALIVE_MS = 30_000;
const BACKLOG = 4096;
const SWEEP_MS = 1_000;
/** A message of the largest size takes 11 s at 3 Mbit/s. */
const TIMES = { graceMs: 2_000, answerMs: 30_000, unfinishedMs: 30_000, firstCallMs: 10_000, idleMs: 60_000, keepaliveProbes: 1 };
/** Bounds on the unfinished messages of a connection and of all, in messages of the largest size. */
const UNFINISHED = { connection: 4, server: 16 };
/** Bounds of each connection that Node and nghttp2 keep. https://nodejs.org/api/http2.html#http2createserveroptions-onrequesthandler */
const BOUNDS: ServerOptions & { readonly handshakeTimeout: number } = {
  // An Envoy opens three: discovery, statistics, and one for a type that has a service of its own.
  settings: { maxConcurrentStreams: 100, maxHeaderListSize: 16 * 1024 },
  maxHeaderListPairs: 64,
  maxSettings: 32,
  maxOutstandingPings: 2,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  // MB. What waits for a slow client counts, although it is shared, and beyond this a client gets no more calls: several of the largest pushes must fit.
  maxSessionMemory: 512,
  handshakeTimeout: 10_000,
};

/** A gRPC server for streams of encoded messages. docs/decisions/0009-grpc-on-node-http2.md says why it is not a library's. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { maxConnections = Number.POSITIVE_INFINITY, maxConnectionsPerAddress = maxConnections, maxRequestSize } = options;
  const sockets = new Sockets({ maxConnections, maxConnectionsPerAddress });
  const owner: ConnectionOwner = {
    refused() {},
    ...TIMES,
    ...options,
    turns: new Turns(),
    unfinished: new Unfinished(UNFINISHED.connection * maxRequestSize, UNFINISHED.server * maxRequestSize),
    setIdle: (socket, isIdle) => sockets.setIdle(nameOf(socket), isIdle),
  };
  const server = options.tls === undefined ? createServer(BOUNDS) : createTlsServer(options.tls, owner);
  const connections = new Set<ServerConnection>();
  let isDraining = false;
  let accepted: Socket;
  // Node emits `session` while it handles this event.
  server.prependListener(options.tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    accepted = socket;
  });
  server.on("session", (session) => {
    const connection = new ServerConnection(session, accepted, owner);
    connections.add(connection);
    session.once("close", () => connections.delete(connection));
    // It was on its way in when the draining began.
    if (isDraining) connection.retire();
  });
  // What is one connection too many must not cost a session. https://nodejs.org/api/net.html#event-connection
  const front = createTcpServer((socket) => {
    const why = sockets.admit(socket);
    if (why === undefined) server.emit("connection", socket);
    else {
      owner.refused(addressOf(socket), "limit", why);
      socket.destroy();
    }
  });
  const timers = [
    setInterval(() => eachOf(connections, (connection) => connection.ping()), options.keepaliveMs ?? KEEPALIVE_MS),
    setInterval(() => eachOf(connections, (connection) => connection.sweep(performance.now())), options.sweepMs ?? SWEEP_MS),
  ];
  for (const timer of timers) timer.unref();

  return {
    listen: (address) => listenAt(front, address),
    async drain(ms) {
      isDraining = true;
      const gone = new Promise<void>((resolve) => front.close(() => resolve()));
      await retireSpread(connections, ms, Promise.race([gone, sleep(ms + owner.graceMs, undefined, { ref: false })]));
    },
    async close() {
      for (const timer of timers) clearInterval(timer);
      for (const connection of connections) connection.retire();
      const late = setTimeout(() => sockets.destroy(), owner.graceMs);
      await new Promise<void>((resolve) => front.close(() => resolve()));
      clearTimeout(late);
    },
    setSecureContext(context) {
      if (!("setSecureContext" in server)) throw new Error("the server is in plaintext");
      server.setSecureContext(context);
      // Node keeps the ticket keys: a session that was verified by an authority that is gone could be resumed.
      server.setTicketKeys(randomBytes(48));
      const anchors = anchorsOf(context);
      for (const connection of connections) {
        const anchor = connection.peer.certificate?.anchor;
        if (anchor !== undefined && anchors?.has(anchor) === false) connection.retire();
      }
    },
    connections: () => connections.size,
  };
}

/** Asks one after the other to go, until `over`. */
async function retireSpread(connections: Iterable<ServerConnection>, ms: number, over: Promise<void>): Promise<void> {
  const asking = Array.from(connections, (connection, index) => ({ connection, index }));
  const timers = asking.map(({ connection, index }) => setTimeout(() => connection.retire(), (ms * index) / asking.length));
  await over;
  for (const timer of timers) clearTimeout(timer);
}

function eachOf<T>(items: Iterable<T>, action: (item: T) => void): void {
  for (const item of items) action(item);
}

async function listenAt(server: Server, address: string): Promise<{ host: string; port: number }> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  try {
    return { host, port: (await listen(server, { host, port: Number(address.slice(colon + 1)), backlog: BACKLOG })).port };
  } catch (error) {
    throw new Error(`cannot listen on ${address}: ${messageOf(error)}`);
  }
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
