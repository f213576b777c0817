import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** An app behind the proxy: answers every request with the request's own headers, as a JSON array of name, value, name, value, ... */
export interface EchoApp {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startEchoApp(): Promise<EchoApp> {
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(request.rawHeaders));
  });
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
