import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP } from "node:net";
import { messageOf } from "../base/error.ts";
import type { Log } from "../model/log.ts";
import { fail, ok, type Result } from "../model/result.ts";
import { createEventStream, type EventStream } from "./events.ts";
import { type Answer, failure, route } from "./routes.ts";
import type { Views } from "./views.ts";

export interface HubOptions {
  readonly views: Views;
  /** Where to listen. Absent: 127.0.0.1 and a free port. The API has no login: bind it wider only behind a network policy. */
  readonly address?: { readonly host?: string; readonly port: number };
  readonly log: Log;
  /** Bounds of the event stream; the defaults fit any real use. */
  readonly events?: { readonly maxClients?: number; readonly maxBufferedBytes?: number; readonly keepAliveMs?: number };
}

/** The read API over HTTP: health, metrics, filters, proxies, events. It changes nothing and holds no state of its own. */
export interface Hub {
  /** Starts listening; gives the address in use. Fails with `AddressUnavailable` when it cannot be bound. */
  listen(): Promise<Result<{ readonly host: string; readonly port: number }>>;
  /** Ends event streams, refuses new connections and gives answers under way one second to finish. */
  close(): Promise<void>;
}

/** Requests carry no body and few headers: what is larger or slower than this is not one of ours. */
const LIMITS = { headerBytes: 16 * 1024, headersMs: 5_000, requestMs: 10_000, idleMs: 30_000, connections: 512, closeMs: 1_000 };

export function createHub({ views, address, log, events }: HubOptions): Hub {
  const host = address?.host ?? "127.0.0.1";
  const stream = createEventStream(views, { maxClients: 64, maxBufferedBytes: 64 * 1024, keepAliveMs: 15_000, ...events });
  const server = createServer({
    maxHeaderSize: LIMITS.headerBytes,
    headersTimeout: LIMITS.headersMs,
    requestTimeout: LIMITS.requestMs,
    connectionsCheckingInterval: LIMITS.headersMs,
  });
  server.keepAliveTimeout = LIMITS.idleMs;
  server.maxConnections = LIMITS.connections;
  server.on("request", (request, response) => {
    // Answers are JSON of the caller's own state: a fault there must cost one request, not the operator.
    try {
      answer(request, response, { views, stream, loopback: isLoopback(host) });
    } catch (error) {
      log.error("the read API could not answer", { path: request.url, error: messageOf(error) });
      if (response.headersSent) response.destroy();
      else send(request, response, failure(500, "the server failed to answer; its log says why"));
    }
  });
  return {
    listen: () => listen(server, host, address?.port ?? 0),
    close() {
      stream.close();
      return new Promise((resolve) => {
        // A reader that takes nothing any more would hold the shutdown for ever.
        const late = setTimeout(() => server.closeAllConnections(), LIMITS.closeMs);
        server.close(() => {
          clearTimeout(late);
          resolve();
        });
        server.closeIdleConnections();
      });
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<Result<{ host: string; port: number }>> {
  return new Promise((resolve) => {
    const refused = ({ code, message }: NodeJS.ErrnoException) => {
      const why = code === "EADDRINUSE" ? "another process has that port" : (code ?? message);
      resolve(fail("AddressUnavailable", `cannot serve the read API on ${host}:${port}: ${why}; choose another address`));
    };
    server.once("error", refused);
    server.listen(port, host, () => {
      server.off("error", refused);
      const bound = server.address();
      resolve(ok(bound !== null && typeof bound === "object" ? { host: bound.address, port: bound.port } : { host, port }));
    });
  });
}

interface Serving {
  readonly views: Views;
  readonly stream: EventStream;
  readonly loopback: boolean;
}

function answer(request: IncomingMessage, response: ServerResponse, { views, stream, loopback }: Serving): void {
  // A web page may point a name of its own at 127.0.0.1 (DNS rebinding) and would then be allowed to read the answers.
  const foreign = loopback && !isLocalName(request.headers.host);
  const found = foreign
    ? failure(421, "this server listens on loopback and answers to localhost or an IP address only")
    : dispatch(request, views);
  if (found !== "events") {
    send(request, response, found);
  } else if (request.method === "HEAD") {
    send(request, response, { status: 200, type: "text/event-stream", body: "" });
  } else if (!stream.open(response)) {
    send(request, response, failure(503, "too many readers of the event stream; try again later", { "retry-after": "5" }));
  }
}

function dispatch(request: IncomingMessage, views: Views): Answer | "events" {
  return route(request.method ?? "GET", request.url ?? "/", views);
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body, headers }: Answer): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, {
    "content-type": type,
    "content-length": bytes.length,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...headers,
  });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

/** `localhost` or an IP address, with or without a port. HTTP/1.0 clients send no Host and are no browsers. */
function isLocalName(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return name === "localhost" || isIP(name) !== 0;
}
