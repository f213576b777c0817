import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import type { Method } from "./call.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";

export interface GrpcServerOptions {
  /** `/package.Service/Method` -> what serves it. */
  readonly methods: ReadonlyMap<string, Method>;
  /** Absent: plaintext. */
  readonly tls?: TlsOptions | undefined;
  /** Bytes of a message. */
  readonly maxRequestSize: number;
  /** Milliseconds after which a connection is asked to come back, maybe to another replica; 0: never. */
  readonly maxConnectionAgeMs: number;
  /** Milliseconds between pings; a connection that owes the answer to one by the next is dead. */
  readonly keepaliveMs?: number;
  /** Told when a client is refused: its address, and why. */
  readonly refused?: (peer: string, why: string) => void;
}

export interface GrpcServer {
  /** `address`: `host:port`; port 0 takes a free one. Rejects when it cannot be had. */
  listen(address: string): Promise<{ readonly host: string; readonly port: number }>;
  /** Takes no more calls and waits for those that are open, for a while. */
  close(): Promise<void>;
  connections(): number;
}

const KEEPALIVE_MS = 30_000;
/** Milliseconds that open calls have to end once their connection is to close. */
const CLOSE_GRACE_MS = 2_000;
const BACKLOG = 4096;

/** A gRPC server for streams of encoded messages. docs/decisions/0006-grpc-transport.md says why it is our own. */
export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  const { methods, maxRequestSize } = options;
  /** When each is to be retired. */
  const connections = new Map<Connection, number>();
  const owner: ConnectionOwner = {
    methods,
    maxRequestSize,
    refused: ({ socket }, why) => options.refused?.(peerOf(socket), why),
    closed: (connection) => void connections.delete(connection),
  };
  const accept = (socket: Socket) => void connections.set(new Connection(socket, owner), retirement(options.maxConnectionAgeMs));
  /** What TLS runs on: a client that never completes its handshake is no connection, but keeps the server from closing. */
  const carriers = new Set<Socket>();
  const server: Server = options.tls
    ? createTlsServer({ ...options.tls, ALPNProtocols: ["h2"], noDelay: true }, accept)
        .on("connection", (socket: Socket) => {
          carriers.add(socket);
          socket.once("close", () => carriers.delete(socket));
        })
        .on("tlsClientError", (error: Error & { readonly reason?: string }, socket) => {
          options.refused?.(peerOf(socket), `the TLS handshake failed: ${error.reason ?? error.message}`);
        })
    : createServer({ noDelay: true }, accept);

  const keepalive = setInterval(() => {
    for (const connection of connections.keys()) if (connection.ping()) connection.destroy();
  }, options.keepaliveMs ?? KEEPALIVE_MS);
  const ageing = setInterval(() => {
    for (const [connection, retireAt] of connections) {
      if (retireAt > Date.now()) continue;
      connection.retire();
      if (retireAt + CLOSE_GRACE_MS < Date.now()) connection.destroy();
    }
  }, 1_000);
  keepalive.unref();
  ageing.unref();

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
      clearInterval(ageing);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections.keys()) connection.retire();
      const late = setTimeout(() => {
        for (const connection of connections.keys()) connection.destroy();
        for (const carrier of carriers) carrier.destroy();
      }, CLOSE_GRACE_MS);
      await closed;
      clearTimeout(late);
    },
    connections: () => connections.size,
  };
}

/** Asked for when it is needed only: it costs a call of the kernel for each connection. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined ? "a client that is gone" : `${remoteAddress}:${remotePort}`;
}

/** Ten percent more or less, so that what came together does not come back together. */
function retirement(ageMs: number): number {
  return ageMs > 0 ? Date.now() + ageMs * (0.9 + Math.random() * 0.2) : Number.POSITIVE_INFINITY;
}
