import type { AddressInfo, Server } from "node:net";

export interface Place {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Connections that wait to be taken. Default: Node's. */
  readonly backlog?: number;
}

/**
 * Listens there. Gives the address in use, and rejects with why it cannot be had. An error of later is of one connection that could not be taken: the server goes on.
 * https://nodejs.org/api/net.html#event-error
 */
export function listen(server: Server, { host, port, backlog }: Place): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen({ host, port, backlog }, () => resolve(server.address() as AddressInfo));
  });
}
