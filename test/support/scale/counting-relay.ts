import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP relay on loopback that counts what passes: what is encrypted stays so, and the bytes are those of the wire. */
export interface CountingRelay {
  readonly port: number;
  /** Bytes from who connects, and to it. */
  counts(): { readonly there: number; readonly back: number };
  stop(): Promise<void>;
}

/** `target`: a port on 127.0.0.1; nothing need listen there yet. */
export async function startCountingRelay(target: number): Promise<CountingRelay> {
  const sockets = new Set<Socket>();
  let [there, back] = [0, 0];
  const server = createServer((near) => {
    const far = connect(target, "127.0.0.1");
    near.on("data", (chunk) => {
      there += chunk.length;
      far.write(chunk);
    });
    far.on("data", (chunk) => {
      back += chunk.length;
      near.write(chunk);
    });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.once("close", () => {
        sockets.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    counts: () => ({ there, back }),
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
