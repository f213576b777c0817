import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { TlsOptions } from "node:tls";
import { messageOf } from "../../base/error.ts";
import { boundSockets, closeWithin } from "../../base/http-sockets.ts";
import { listen } from "../../base/listen.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import type { Clock } from "../../model/clock.ts";
import type { Log } from "../../model/log.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { type Handler, readReview } from "./review.ts";

export interface WebhookOptions {
  readonly address: { readonly host: string; readonly port: number };
  /** Certificate and key of the server. */
  readonly tls: Pick<TlsOptions, "cert" | "key">;
  /** What answers, each at a path of its own. */
  readonly handlers: readonly Handler[];
  /** Somebody called at a path where nothing is. */
  readonly lost: () => void;
  readonly log: Log;
  readonly clock: Clock;
}

/** Answers the API server's questions about objects before it stores them. It changes nothing anywhere. */
export interface Webhook {
  /** Fails with `AddressUnavailable`. */
  listen(): Promise<Result<{ readonly host: string; readonly port: number }>>;
  /** New connections get this certificate. */
  setSecureContext(context: Pick<TlsOptions, "cert" | "key">): void;
  /** Gives answers under way a second. */
  close(): Promise<void>;
}

/**
 * Anyone in the cluster may connect. The API server takes bodies of 3 MiB itself, and has a connection for each call at a time: a quarter of all may be from one
 * address. `calls` and `allBytes` are of each path: many questions at one are in nobody's way at another.
 */
const LIMITS = {
  ...{ headerBytes: 16 * 1024, headersMs: 5_000, requestMs: 10_000, idleMs: 90_000, handshakeMs: 5_000, closeMs: 1_000 },
  ...{ bodyBytes: 3 * 1024 * 1024, allBytes: 24 * 1024 * 1024, calls: 64, connections: 256, handshakes: 320 },
};
/** Lines of the log about what callers did, at once and then a second. */
const LINES = { capacity: 20, perSecond: 1 / 3 };

export function createWebhook(options: WebhookOptions): Webhook {
  const { address, tls } = options;
  const take = takeBy(options);
  const server = createServer(
    {
      ...secure(tls),
      handshakeTimeout: LIMITS.handshakeMs,
      maxHeaderSize: LIMITS.headerBytes,
      headersTimeout: LIMITS.headersMs,
      requestTimeout: LIMITS.requestMs,
      connectionsCheckingInterval: LIMITS.headersMs,
    },
    (request, response) => take(request, response),
  );
  server.keepAliveTimeout = LIMITS.idleMs;
  server.timeout = LIMITS.idleMs;
  server.maxConnections = LIMITS.handshakes;
  boundSockets(server, LIMITS.connections, "secureConnection");
  return {
    listen: () => listenAt(server, address),
    setSecureContext: (context) => server.setSecureContext(secure(context)),
    close: () => closeWithin(server, LIMITS.closeMs),
  };
}

function secure({ cert, key }: Pick<TlsOptions, "cert" | "key">) {
  return { cert, key, minVersion: "TLSv1.2" as const };
}

/** Leads each call to what answers at its path. Paths are compared by their hashes: the time that it takes says nothing of a path that strangers are not to know. */
function takeBy({ handlers, lost, log, clock }: WebhookOptions): (request: IncomingMessage, response: ServerResponse) => void {
  const lines = new TokenBucket(LINES.capacity, LINES.perSecond);
  const tell: Tell = (line, facts) => {
    if (lines.take(clock.now())) log.warn(line, facts);
  };
  const calls = new Map(handlers.map((handler) => [hashOf(handler.path), new Calls(handler, log, tell)]));
  return (request, response) => {
    // The API server adds `?timeout=10s`.
    const [path = ""] = (request.url ?? "").split("?", 1);
    const found = calls.get(hashOf(path));
    if (found !== undefined) return void found.take(request, response);
    lost();
    end(response, NOT_HERE);
  };
}

function hashOf(path: string): string {
  return createHash("sha256").update(path).digest("base64");
}

type Tell = (line: string, facts: Readonly<Record<string, string>>) => void;

/** The calls under way at one path, and what they hold. */
class Calls {
  private readonly handler: Handler;
  private readonly log: Log;
  private readonly tell: Tell;
  private running = 0;
  private bytes = 0;

  constructor(handler: Handler, log: Log, tell: Tell) {
    this.handler = handler;
    this.log = log;
    this.tell = tell;
  }

  async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const wrong = refusalOf(request) ?? (this.running >= LIMITS.calls ? BUSY : undefined);
    if (wrong !== undefined) return this.end(response, wrong);
    this.running++;
    let held = 0;
    const hold = (bytes: number): Refusal | undefined => {
      held += bytes;
      this.bytes += bytes;
      if (held > LIMITS.bodyBytes) return TOO_LARGE;
      return this.bytes > LIMITS.allBytes ? BUSY : undefined;
    };
    try {
      const body = await bodyOf(request, hold);
      if (typeof body === "string") await this.answer(body, response);
      else this.end(response, body);
    } catch (error) {
      // The caller went away, or sent something that is nested beyond the stack.
      this.tell("a call of the webhook cannot be answered", { error: messageOf(error) });
      this.end(response, { status: 400, words: "the call cannot be read" });
    } finally {
      this.running--;
      this.bytes -= held;
    }
  }

  private async answer(body: string, response: ServerResponse): Promise<void> {
    const asked = readReview(body);
    if (!asked.ok) {
      this.tell("the webhook was called by something that is no API server", { error: asked.error.message });
      return this.end(response, { status: 400, words: asked.error.message });
    }
    const { review, line, facts, isRefusal } = await this.handler.answer(asked.value);
    if (isRefusal) this.tell(line, facts);
    else this.log.debug(line, facts);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(review));
  }

  private end(response: ServerResponse, refusal: Refusal): void {
    this.handler.refused();
    end(response, refusal);
  }
}

interface Refusal {
  readonly status: number;
  readonly words: string;
}

const NOT_HERE: Refusal = { status: 404, words: "nothing is here but what the API server's webhook configurations lead to" };
const BUSY: Refusal = { status: 503, words: "too many calls at a time; try again" };
const TOO_LARGE: Refusal = { status: 413, words: `the body is larger than ${LIMITS.bodyBytes} bytes` };

function refusalOf({ method, headers }: IncomingMessage): Refusal | undefined {
  if (method !== "POST") return { status: 405, words: "only POST, with an AdmissionReview" };
  const [type] = (headers["content-type"] ?? "").split(";", 1);
  if (type !== "application/json") return { status: 415, words: "only application/json, an AdmissionReview" };
  return Number(headers["content-length"] ?? 0) > LIMITS.bodyBytes ? TOO_LARGE : undefined;
}

/** The body as text, or why it is not read to its end. */
async function bodyOf(request: IncomingMessage, hold: (bytes: number) => Refusal | undefined): Promise<string | Refusal> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) {
    const wrong = hold((chunk as Buffer).length);
    if (wrong !== undefined) return wrong;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** What of the body was not read is not waited for. */
function end(response: ServerResponse, { status, words }: Refusal): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" }).end(`${words}\n`);
}

async function listenAt(server: Server, { host, port }: WebhookOptions["address"]): Promise<Result<{ host: string; port: number }>> {
  try {
    return ok({ host, port: (await listen(server, { host, port })).port });
  } catch (error) {
    return fail("AddressUnavailable", `--webhook-address ${host}:${port} cannot be listened on: ${messageOf(error)}`);
  }
}
