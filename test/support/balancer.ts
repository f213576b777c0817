import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { startOnReservedPort } from "./ports.ts";

/** A TCP relay on loopback to whichever of some ports answers, in turn, as a Service of Kubernetes is. */
export interface Balancer {
  readonly port: number;
  stop(): Promise<void>;
}

export function startBalancer(targets: readonly number[]): Promise<Balancer> {
  return startOnReservedPort((port) => balance(port, targets));
}

async function balance(port: number, targets: readonly number[]): Promise<Balancer> {
  const open = new Set<Socket>();
  let turn = 0;

  function keep(socket: Socket): void {
    open.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => open.delete(socket));
  }

  /** Tries the next target, as long as one is left. */
  function lead(near: Socket, left: number): void {
    const target = targets[turn++ % targets.length];
    if (left === 0 || target === undefined) return void near.destroy();
    const far = connect(target, "127.0.0.1");
    far.once("connect", () => {
      keep(far);
      near.pipe(far);
      far.pipe(near);
      far.once("close", () => near.destroy());
      near.once("close", () => far.destroy());
    });
    far.once("error", () => {
      if (far.connecting || far.bytesRead === 0) lead(near, left - 1);
    });
  }

  const server = createServer((near) => {
    keep(near);
    lead(near, targets.length);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    port,
    async stop() {
      const closed = once(server, "close");
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
