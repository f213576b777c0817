import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listen } from "../../base/listen.ts";
import type { Address } from "../args/address.ts";
import type { Scope } from "./scope.ts";

/** Of a request's body, as much is told. */
const MAX_BODY = 64 << 10;

/** An app that answers each request with the request, as JSON: what a filter changed on the way there is seen in the answer. */
export async function startEchoApp(scope: Scope): Promise<Address> {
  const server = createServer((request, response) => void echo(request, response));
  const { port } = await listen(server, { host: "127.0.0.1", port: 0 });
  scope.defer(async () => {
    server.close();
    server.closeAllConnections();
  });
  return { host: "127.0.0.1", port };
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (size < MAX_BODY) chunks.push(chunk);
      size += chunk.length;
    }
  } catch {
    return response.destroy() as never;
  }
  const body = Buffer.concat(chunks).subarray(0, MAX_BODY).toString("utf8");
  const { method, url, headers, trailers } = request;
  const told = {
    method,
    path: url,
    headers,
    ...(size > 0 ? { body, bytes: size } : {}),
    ...(Object.keys(trailers).length > 0 ? { trailers } : {}),
  };
  response.setHeader("content-type", "application/json");
  response.end(`${JSON.stringify(told, undefined, 2)}\n`);
}
