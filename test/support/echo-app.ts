import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * An app behind the proxy: answers every request with the request's own headers, as a JSON array of name, value, name, value, ...; its path and query are in the
 * header `x-path` of the answer.
 */
export interface EchoApp {
  readonly port: number;
  /** How many requests with the header `x-hold` wait for `release`: their answer has begun, and stays open. */
  held(): number;
  release(): void;
  stop(): Promise<void>;
}

export async function startEchoApp(): Promise<EchoApp> {
  const waiting: ServerResponse[] = [];
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader("content-type", "application/json");
    response.setHeader("x-path", encodeURI(request.url ?? ""));
    response.write(JSON.stringify(request.rawHeaders));
    if (request.headers["x-hold"] === undefined) response.end();
    else waiting.push(response);
  });
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    held: () => waiting.length,
    release() {
      for (const response of waiting.splice(0)) response.end();
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
