import type { AddressInfo, Server } from "node:net";

/** Listens there; port 0 takes a free one. Gives the address in use, and rejects with why it cannot be had. */
export function listen(server: Server, place: { readonly host: string; readonly port: number }): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(place.port, place.host, () => {
      server.off("error", reject);
      resolve(server.address() as AddressInfo);
    });
  });
}
