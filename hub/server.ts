import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { boundSockets, closeWithin } from "../base/http-sockets.ts";
import { listen } from "../base/listen.ts";
import { isLoopback } from "../base/loopback.ts";
import type { Catalog } from "../model/catalog.ts";
import type { Log } from "../model/log.ts";
import type { People } from "../model/people.ts";
import { fail, ok, type Result } from "../model/result.ts";
import { Callers } from "./acting/callers.ts";
import { failure } from "./answers.ts";
import { createApp } from "./app.ts";
import { createEventStream, type EventLimits } from "./events.ts";
import type { Others } from "./others.ts";
import { createPages } from "./page-routes.ts";
import type { Plans } from "./plans.ts";
import type { Readers } from "./readers.ts";
import { createRoutes, healthRoutes } from "./routes.ts";
import type { Views } from "./views.ts";

export interface HubOptions {
  readonly views: Views;
  /** Where to listen. Absent: 127.0.0.1 and a free port. */
  readonly address?: { readonly host?: string; readonly port: number };
  readonly log: Log;
  /** Sockets that may be open. Default: 512. */
  readonly maxConnections?: number;
  /** Absent: everybody may read. */
  readonly readers?: Readers | undefined;
  /** Absent: no plans are answered. */
  readonly plans?: Plans | undefined;
  /** What the pages' catalog shows; absent: there are no pages of it. */
  readonly catalog?: Catalog | undefined;
  /** Other Weirs that the pages show beside this one. */
  readonly others?: Others | undefined;
  /** Who can sign in and act. Absent: nobody. */
  readonly people?: People | undefined;
  /** Health and metrics alone are answered here. */
  readonly healthOnly?: boolean;
  /** The defaults fit any real use. */
  readonly times?: Partial<typeof TIMES>;
  /** Bounds of the event stream; the defaults fit any real use. */
  readonly events?: Partial<EventLimits>;
}

/** The read API over HTTP: health, metrics, filters, proxies, events. It changes nothing and holds no state of its own. */
export interface Hub {
  /** Starts listening; gives the address in use. Fails with `AddressUnavailable` when it cannot be bound. */
  listen(): Promise<Result<{ readonly host: string; readonly port: number }>>;
  /** Ends event streams, refuses new connections and gives answers under way one second to finish. */
  close(): Promise<void>;
}

/** Requests carry no body (but for plans, which bound it) and few headers: what is larger or slower than this is not one of ours. */
const LIMITS = { headerBytes: 16 * 1024, connections: 512, closeMs: 1_000 };
/**
 * Milliseconds for the headers of a request and for the request; without a byte in either direction; for a client to take an answer. A reader that takes nothing for
 * half a minute, or not all in a minute, is gone or means no good. The largest documents have tens of megabytes.
 */
const TIMES = { headersMs: 5_000, requestMs: 10_000, idleMs: 30_000, answerMs: 60_000 };
const EVENTS: EventLimits = {
  maxClients: 64,
  maxBufferedBytes: 64 * 1024,
  keepAliveMs: 15_000,
  log: { maxEvents: 1_000, maxBytes: 256 * 1024 },
};
const ADMISSION = { answers: 64, unsentBytes: 64 * 1024 * 1024 };

export function createHub({
  views,
  address,
  log,
  readers,
  plans,
  catalog,
  others,
  people,
  healthOnly = false,
  events,
  times: given,
  maxConnections = LIMITS.connections,
}: HubOptions): Hub {
  const times = { ...TIMES, ...given };
  const host = address?.host ?? "127.0.0.1";
  const callers = people && new Callers(people, Date.now);
  const stream = createEventStream(views, { ...EVENTS, ...events }, callers && ((context) => callers.followerOf(context)));
  const stopListening = readers?.onChange(() => {
    callers?.forget();
    stream.drop();
  });
  const routes = healthOnly ? healthRoutes(views) : createRoutes(views, stream, plans);
  const acting = people && callers && { people, callers, planner: plans?.planner };
  const pages = healthOnly
    ? undefined
    : createPages({ views, catalog, others, readers, acting, log, onSignOut: (session) => stream.drop(session) });
  const admission = { ...ADMISSION, answerMs: times.answerMs };
  const app = createApp({ routes, log, loopback: isLoopback(host), readers, pages, callers, admission });
  const server = createServer(
    {
      maxHeaderSize: LIMITS.headerBytes,
      headersTimeout: times.headersMs,
      requestTimeout: times.requestMs,
      connectionsCheckingInterval: times.headersMs,
    },
    getRequestListener(app.fetch, {
      // For HTTP/1.0 clients, which send no Host.
      hostname: host,
      // The process's own Request and Response stay what Node made them: the rest of it uses fetch too.
      overrideGlobalObjects: false,
      errorHandler: () => failure(400, "BadRequest", "the request's target or Host is not valid"),
    }),
  );
  server.keepAliveTimeout = times.idleMs;
  // Of a socket on which nothing moves, in either direction.
  server.timeout = times.idleMs;
  boundSockets(server, maxConnections);
  return {
    listen: () => listenAt(server, host, address?.port ?? 0),
    close() {
      stopListening?.();
      pages?.close();
      stream.close();
      return closeWithin(server, LIMITS.closeMs);
    },
  };
}

async function listenAt(server: Server, host: string, port: number): Promise<Result<{ host: string; port: number }>> {
  try {
    const bound = await listen(server, { host, port });
    return ok({ host: bound.address, port: bound.port });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "EADDRINUSE" ? "another process has that port" : (code ?? message);
    return fail("AddressUnavailable", `cannot serve the read API on ${host}:${port}: ${why}; choose another address`);
  }
}
