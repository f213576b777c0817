import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Server, Socket } from "node:net";

/** One address may have a quarter of everything, and some where that is next to nothing. */
const PARTS = 4;
const FEWEST = 8;

/** What one address may have of so many. */
export function partOf(all: number): number {
  return Math.max(FEWEST, Math.ceil(all / PARTS));
}

/**
 * Bounds the sockets of a server, in all and by address. A new one always gets in, in the place of the oldest that is of least use: one without a request
 * under way, or else the oldest of all. A server of TLS counts those whose handshake is done: `secureConnection`.
 */
export function boundSockets(server: Server, max: number, event: "connection" | "secureConnection" = "connection"): void {
  /** Open sockets and the addresses of their clients, the oldest first. */
  const open = new Map<Socket, string>();
  const byAddress = new Map<string, Set<Socket>>();
  /** Requests under way. */
  const busy = new WeakMap<Socket, number>();

  function drop(socket: Socket): void {
    const address = open.get(socket);
    if (address === undefined) return;
    open.delete(socket);
    const own = byAddress.get(address);
    if (own?.delete(socket) && own.size === 0) byAddress.delete(address);
  }

  function makeRoom(sockets: Iterable<Socket>): void {
    let victim: Socket | undefined;
    for (const socket of sockets) {
      victim ??= socket;
      if ((busy.get(socket) ?? 0) > 0) continue;
      victim = socket;
      break;
    }
    if (victim === undefined) return;
    drop(victim);
    victim.destroy();
  }

  server.on(event, (socket: Socket) => {
    const address = socket.remoteAddress ?? "";
    const others = byAddress.get(address);
    if (others !== undefined && others.size >= partOf(max)) makeRoom(others);
    else if (open.size >= max) makeRoom(open.keys());
    const own = byAddress.get(address) ?? new Set();
    open.set(socket, address);
    byAddress.set(address, own.add(socket));
    socket.once("close", () => drop(socket));
  });
  server.on("request", ({ socket }: IncomingMessage, answer: ServerResponse) => {
    busy.set(socket, (busy.get(socket) ?? 0) + 1);
    answer.once("close", () => busy.set(socket, (busy.get(socket) ?? 1) - 1));
  });
}

/** Takes no more connections and gives answers under way so many milliseconds to finish: a reader that takes nothing any more would hold it up for ever. */
export function closeWithin(server: HttpServer, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => server.closeAllConnections(), ms);
    server.close(() => {
      clearTimeout(late);
      resolve();
    });
    server.closeIdleConnections();
  });
}
