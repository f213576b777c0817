import { constants, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { TokenBucket } from "../../base/token-bucket.ts";
import type { RefusalReason } from "../../model/metrics.ts";
import type { GuardedMethod } from "./call.ts";
import { type Peer, peerOf } from "./peer.ts";
import { type CallOwner, ServerCall } from "./server-call.ts";
import { Share, type Turns } from "./turns.ts";
import type { Unfinished } from "./unfinished.ts";

/** What the connections of a server share. */
export interface ConnectionOwner {
  readonly methods: ReadonlyMap<string, GuardedMethod>;
  /** Bytes of a message. */
  readonly maxRequestSize: number;
  /** Milliseconds until a connection retires, ten percent more or less: what came together does not come back together. 0: never. */
  readonly maxConnectionAgeMs: number;
  /** Milliseconds that a client has to take what is sent before the end of a call, and that calls have to end before the end of their connection. */
  readonly graceMs: number;
  /** Milliseconds that a client has to take an answer for which its next request waits. */
  readonly answerMs: number;
  /** Milliseconds that a client has to finish a message. */
  readonly unfinishedMs: number;
  /** Milliseconds that a connection may be without a call: before its first, and later. */
  readonly firstCallMs: number;
  readonly idleMs: number;
  /** Pings in a row that a client may leave without an answer. More than one: a turn of this process that takes longer than the time between two counts as one. */
  readonly keepaliveProbes: number;
  readonly turns: Turns;
  readonly unfinished: Unfinished;
  /** Told whether the connection on this socket carries anything. */
  setIdle(socket: Socket, isIdle: boolean): void;
  /** Told when a client is refused: its address, and why. */
  refused(peer: string, reason: RefusalReason, why: string): void;
}

/** The abuse budget: refused calls, resets, pings, settings and tiny pieces of messages, this many at once, then this many a second. */
const ABUSE_BURST = 200;
const ABUSE_PER_SECOND = 33;
/** Milliseconds that a client which is cut off has to read why. */
const LAST_WORDS_MS = 50;
/** TLS encrypts what it is given at once, which makes a copy for each client, so it is given no more than this at a time. */
const TLS_PIECE = 64 * 1024;

/** A client's HTTP/2 connection. nghttp2 speaks the protocol; this keeps what gRPC and a public port need beyond it. */
export class ServerConnection implements CallOwner {
  readonly address: string;
  readonly peer: Peer;
  readonly maxRequestSize: number;
  readonly pieceSize: number;
  readonly graceMs: number;
  readonly answerMs: number;
  readonly turns: Turns;
  readonly unfinished: Unfinished;
  readonly share = new Share();
  private readonly session: ServerHttp2Session;
  private readonly socket: Socket;
  private readonly owner: ConnectionOwner;
  private readonly budget = new TokenBucket(ABUSE_BURST, ABUSE_PER_SECOND);
  /** Open calls. */
  private calls = 0;
  private hadCalls = false;
  private isUsed = false;
  private idleSince = performance.now();
  /** Calls with a message that is not whole, and since when. Created when it is needed. */
  private waiting: Map<ServerCall, number> | undefined = undefined;
  /** Pings in a row that got no answer yet. */
  private unanswered = 0;
  private timer: NodeJS.Timeout | undefined = undefined;

  /** `socket`: what the session runs on, the TLS socket if there is TLS. */
  constructor(session: ServerHttp2Session, socket: Socket, owner: ConnectionOwner) {
    this.session = session;
    this.socket = socket;
    this.owner = owner;
    this.maxRequestSize = owner.maxRequestSize;
    this.graceMs = owner.graceMs;
    this.answerMs = owner.answerMs;
    this.turns = owner.turns;
    this.unfinished = owner.unfinished;
    this.pieceSize = session.encrypted === true ? TLS_PIECE : Number.POSITIVE_INFINITY;
    this.address = addressOf(socket);
    this.peer = peerOf(socket);
    const age = owner.maxConnectionAgeMs * (0.9 + Math.random() * 0.2);
    if (age > 0) this.timer = setTimeout(() => this.retire(), age).unref();
    session.on("stream", (stream, headers) => {
      if (stream.destroyed) return;
      this.calls += 1;
      this.hadCalls = true;
      new ServerCall(stream, headers, this).start(owner.methods);
    });
    session.on("ping", () => this.charge());
    session.on("remoteSettings", () => this.charge());
    session.on("goaway", () => this.charge());
    session.on("error", (error: NodeJS.ErrnoException) => this.failed(error));
    session.on("close", () => clearTimeout(this.timer));
  }

  /** Asks for a sign of life. A client that owes as many as it may, or should be gone, is cut off. */
  ping(): void {
    const { session } = this;
    if (this.unanswered >= this.owner.keepaliveProbes || session.destroyed) {
      this.cut();
      return;
    }
    this.unanswered += 1;
    if (session.closed) return;
    session.ping((error) => {
      if (error === null) this.unanswered = 0;
    });
  }

  /** Ends what waited too long. `now`: of `performance`. */
  sweep(now: number): void {
    const { unfinishedMs, firstCallMs, idleMs } = this.owner;
    for (const [call, since] of this.waiting ?? []) if (now - since > unfinishedMs) call.expire();
    if (this.calls > 0 || now - this.idleSince <= (this.hadCalls ? idleMs : firstCallMs)) return;
    if (this.hadCalls) this.retire();
    else this.cut();
  }

  retire(): void {
    const { session } = this;
    if (session.closed || session.destroyed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.cut(), this.graceMs);
    session.close();
  }

  probe(done: (answered: boolean) => void): void {
    const { session } = this;
    if (session.destroyed || session.closed) done(false);
    else session.ping((error) => done(error === null));
  }

  refused(reason: RefusalReason, why: string): void {
    this.owner.refused(this.address, reason, why);
    this.charge();
  }

  /** The connection ends when the budget is used up. */
  charge(): void {
    if (this.session.destroyed || this.budget.take(performance.now())) return;
    const why = "it resets calls, pings, changes settings or sends tiny pieces without end";
    this.owner.refused(this.address, "limit", why);
    this.session.destroy(new Error(why), constants.NGHTTP2_ENHANCE_YOUR_CALM);
    // Its end waits until the client has read what was sent, and what the client sends is read meanwhile.
    setTimeout(() => this.socket.destroy(), LAST_WORDS_MS).unref();
  }

  isWaitingFor(call: ServerCall, rest: boolean): void {
    if (!rest) this.waiting?.delete(call);
    else if (this.waiting?.has(call) !== true) {
      this.waiting ??= new Map();
      this.waiting.set(call, performance.now());
    }
  }

  used(): void {
    if (this.isUsed) return;
    this.isUsed = true;
    this.owner.setIdle(this.socket, false);
  }

  closed(call: ServerCall): void {
    this.waiting?.delete(call);
    this.calls -= 1;
    if (this.calls > 0) return;
    this.idleSince = performance.now();
    if (this.isUsed) this.owner.setIdle(this.socket, true);
    this.isUsed = false;
  }

  /** A session that is destroyed waits until the client has read what was sent. */
  cut(): void {
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
