import { connect, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Namespaces, NODE_ADDRESS } from "./namespaces.ts";
import { startRelay } from "./relay.ts";

/** Ways between this process's network and the cluster's, each a pair of relays with a Unix socket between them. */
export interface Network {
  /** A port of this machine's loopback that leads to an address in the cluster: a pod's or a Service's IP, or the node's. */
  forward(host: string, port: number): Promise<number>;
  /** Makes `dial` ready. Call it once. */
  openDial(): Promise<Dial>;
  /** Makes a port of this machine's loopback reachable at the node's address, for pods and the API server. Gives `192.0.2.2:PORT`. */
  expose(localPort: number, nodePort?: number): Promise<string>;
  close(): void;
}

/** A connection to an address in the cluster, for many that come and go: one relay carries them all. */
export type Dial = (host: string, port: number) => Socket;

export function createNetwork(namespaces: Namespaces, folder: string): Network {
  const relays: Server[] = [];
  const program = fileURLToPath(new URL("relay.ts", import.meta.url));
  let count = 0;
  const inside = async (from: string, to: string) => {
    const relay = await namespaces.start(process.execPath, [program, from, to], { name: "relay" });
    await relay.waitFor("the relay", (logs) => logs.includes("relaying"));
  };
  const outside = async (from: string, to: string) => {
    const relay = await startRelay(from, to);
    relays.push(relay);
    relay.unref();
    return relay;
  };
  return {
    close() {
      for (const relay of relays) relay.close();
    },
    async forward(host: string, port: number) {
      const socket = `unix:${join(folder, `relay-${count++}`)}`;
      await inside(socket, `tcp:${host}:${port}`);
      const address = (await outside("tcp:127.0.0.1:0", socket)).address();
      if (address === null || typeof address === "string") throw new Error("a relay has no port");
      return address.port;
    },
    async openDial() {
      const path = join(folder, `relay-${count++}`);
      await inside(`unix:${path}`, "named");
      return (host, port) => {
        const socket = connect({ path });
        socket.write(`tcp:${host}:${port}\n`);
        return socket;
      };
    },
    async expose(localPort: number, nodePort = localPort) {
      const socket = `unix:${join(folder, `relay-${count++}`)}`;
      await outside(socket, `tcp:127.0.0.1:${localPort}`);
      await inside(`tcp:${NODE_ADDRESS}:${nodePort}`, socket);
      return `${NODE_ADDRESS}:${nodePort}`;
    },
  };
}
