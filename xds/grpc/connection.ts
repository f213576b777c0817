import { constants, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { TokenBucket } from "../../base/token-bucket.ts";
import type { RefusalReason } from "../../model/metrics.ts";
import type { Method } from "./call.ts";
import { type CallOwner, ServerCall } from "./server-call.ts";

/** What the connections of a server share. */
export interface ConnectionOwner {
  readonly methods: ReadonlyMap<string, Method>;
  /** Bytes of a message. */
  readonly maxRequestSize: number;
  /** Milliseconds until a connection retires, ten percent more or less: what came together does not come back together. 0: never. */
  readonly maxConnectionAgeMs: number;
  /** Milliseconds that a client has to take what is sent before the end of a call, and that calls have to end before the end of their connection. */
  readonly graceMs: number;
  /** Told when a client is refused: its address, and why. */
  refused(peer: string, reason: RefusalReason, why: string): void;
}

/** The abuse budget: refused calls, resets, pings and settings, this many at once, then this many a second. */
const ABUSE_BURST = 500;
const ABUSE_PER_SECOND = 33;
/** TLS encrypts what it is given at once, which makes a copy for each client, so it is given no more than this at a time. */
const TLS_PIECE = 64 * 1024;
/** Bound on the unfinished messages of all calls, in messages of the largest size. */
const UNFINISHED_MESSAGES = 4;

/** A client's HTTP/2 connection. nghttp2 speaks the protocol; this keeps what gRPC and a public port need beyond it. */
export class ServerConnection implements CallOwner {
  readonly address: string;
  readonly maxRequestSize: number;
  readonly pieceSize: number;
  readonly graceMs: number;
  private readonly session: ServerHttp2Session;
  private readonly socket: Socket;
  private readonly owner: ConnectionOwner;
  private readonly budget = new TokenBucket(ABUSE_BURST, ABUSE_PER_SECOND);
  private unfinished = 0;
  private pinged = false;
  private timer: NodeJS.Timeout | undefined = undefined;

  /** `socket`: what the session runs on, the TLS socket if there is TLS. */
  constructor(session: ServerHttp2Session, socket: Socket, owner: ConnectionOwner) {
    this.session = session;
    this.socket = socket;
    this.owner = owner;
    this.maxRequestSize = owner.maxRequestSize;
    this.graceMs = owner.graceMs;
    this.pieceSize = session.encrypted === true ? TLS_PIECE : Number.POSITIVE_INFINITY;
    this.address = addressOf(socket);
    const age = owner.maxConnectionAgeMs * (0.9 + Math.random() * 0.2);
    if (age > 0) this.timer = setTimeout(() => this.retire(), age).unref();
    session.on("stream", (stream, headers) => {
      if (!stream.destroyed) new ServerCall(stream, headers, this).start(owner.methods);
    });
    session.on("ping", () => this.charge());
    session.on("remoteSettings", () => this.charge());
    session.on("error", (error: NodeJS.ErrnoException) => this.failed(error));
    session.on("close", () => clearTimeout(this.timer));
  }

  /** Asks for a sign of life. A client that owes one since the last time, or should be gone, is cut off. */
  ping(): void {
    const { session } = this;
    if (this.pinged || session.destroyed) {
      this.cut();
      return;
    }
    this.pinged = true;
    if (session.closed) return;
    session.ping(() => {
      this.pinged = false;
    });
  }

  retire(): void {
    const { session } = this;
    if (session.closed || session.destroyed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.cut(), this.graceMs);
    session.close();
  }

  refused(reason: RefusalReason, why: string): void {
    this.owner.refused(this.address, reason, why);
    this.charge();
  }

  /** The connection ends when the budget is used up. */
  charge(): void {
    if (this.session.destroyed || this.budget.take(performance.now())) return;
    const why = "it resets calls, pings or changes settings without end";
    this.owner.refused(this.address, "limit", why);
    this.session.destroy(new Error(why), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  hold(bytes: number): boolean {
    this.unfinished += bytes;
    return this.unfinished <= UNFINISHED_MESSAGES * this.maxRequestSize;
  }

  /** A session that is destroyed waits until the client has read what was sent. */
  private cut(): void {
    this.session.destroy();
    this.socket.destroy();
  }

  /** Errors of HTTP/2 are the client's fault; others are broken connections, which come and go. */
  private failed({ code = "", message }: NodeJS.ErrnoException): void {
    if (code !== "ERR_HTTP2_ERROR" && !code.startsWith("ERR_HTTP2_TOO_MANY")) return;
    this.owner.refused(this.address, "protocol", `it does not speak HTTP/2 as it should: ${message}`);
  }
}

export function addressOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined ? "a client that is gone" : `${remoteAddress}:${remotePort}`;
}
