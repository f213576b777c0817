import { createServer, type Server, type Socket } from "node:net";
import { inBackground } from "../../base/boundary.ts";
import { listen } from "../../base/listen.ts";

/** What is at the other end of a connection. */
export interface Tunnel {
  close(): void;
}

export interface ForwardOptions {
  /** On 127.0.0.1. 0: a free one. */
  readonly port: number;
  /** Joins a socket to the other end, wherever that is now. Throws when there is none. `onEnd`: the other end is gone. */
  dial(socket: Socket, onEnd: () => void): Promise<Tunnel>;
  /** Called with why a connection could not be made, and with `undefined` once one could again. */
  onTrouble(why: string | undefined): void;
}

export interface Forward {
  readonly port: number;
  close(): void;
}

/** Takes connections of this machine and joins each to the other end. A connection ends with its other end; the next one is joined anew. */
export async function openForward({ port, dial, onTrouble }: ForwardOptions): Promise<Forward> {
  const sockets = new Set<Socket>();
  let hadTrouble = false;
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    inBackground(join(socket), () => socket.destroy());
  });

  async function join(socket: Socket): Promise<void> {
    try {
      const tunnel = await dial(socket, () => socket.destroy());
      socket.on("close", () => tunnel.close());
      if (socket.destroyed) tunnel.close();
      if (hadTrouble) onTrouble(undefined);
      hadTrouble = false;
    } catch (error) {
      socket.destroy();
      if (!hadTrouble) onTrouble((error as Error).message);
      hadTrouble = true;
    }
  }

  const bound = await listen(server, { host: "127.0.0.1", port });
  return {
    port: bound.port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
