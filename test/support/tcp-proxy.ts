import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { startOnReservedPort } from "./ports.ts";

/** A TCP relay on loopback whose connections a test can break or freeze, and which counts what passes: what is encrypted stays so, and the bytes are those of the wire. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that came so far. */
  connections(): number;
  /** Bytes so far from who connects, and to it. */
  counts(): { readonly there: number; readonly back: number };
  /** Breaks every connection and refuses new ones until `mend`. */
  cut(): Promise<void>;
  /** Passes no more bytes, keeps connections open, and accepts new ones, until `mend`. */
  freeze(): void;
  mend(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a relay to `target`, a port on 127.0.0.1; nothing need listen there yet. */
export function startTcpProxy(target: number): Promise<TcpProxy> {
  return startOnReservedPort((port) => relay(port, target));
}

async function relay(port: number, target: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let frozen = false;
  let connections = 0;
  let [there, back] = [0, 0];
  const server = createServer((near) => {
    connections += 1;
    const far = connect(target, "127.0.0.1");
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => {
        for (const other of pair) other.destroy();
        pairs.delete(pair);
      });
      if (frozen) socket.pause();
    }
    near.on("data", (chunk) => {
      there += chunk.length;
      far.write(chunk);
    });
    far.on("data", (chunk) => {
      back += chunk.length;
      near.write(chunk);
    });
    if (frozen) for (const socket of pair) socket.pause();
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");

  function breakAll(): void {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  }

  async function cut(): Promise<void> {
    const closed = server.listening ? once(server, "close") : undefined;
    server.close();
    breakAll();
    await closed;
  }

  return {
    port,
    connections: () => connections,
    counts: () => ({ there, back }),
    cut,
    freeze() {
      frozen = true;
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    async mend() {
      if (frozen) breakAll();
      frozen = false;
      if (server.listening) return;
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
    },
    stop: cut,
  };
}
