import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { inBackground } from "../../base/boundary.ts";
import type { RefusalReason } from "../../model/metrics.ts";
import type { Call, CallHandler, Connection, GuardedMethod } from "./call.ts";
import { type Message, MessageReader } from "./message.ts";
import { Outbox } from "./outbox.ts";
import { encodeMessage, FAULTS, status } from "./status.ts";
import type { Share, Turns, Worker } from "./turns.ts";
import type { Holder, Unfinished } from "./unfinished.ts";

/** What a call needs of its connection. */
export interface CallOwner extends Connection {
  /** Bytes of a message. */
  readonly maxRequestSize: number;
  /** Bytes of a message that are handed to HTTP/2 at once. */
  readonly pieceSize: number;
  /** Milliseconds that a client has to take what was sent and the status, until the stream is reset. */
  readonly graceMs: number;
  /** Milliseconds that a client has to take an answer for which its next request waits. */
  readonly answerMs: number;
  readonly turns: Turns;
  readonly share: Share;
  readonly unfinished: Unfinished;
  /** Reports a call that the client got wrong. Charges the abuse budget. */
  refused(reason: RefusalReason, why: string): void;
  /** Charges the abuse budget. */
  charge(): void;
  /** The call has begun a message that is not whole, or has none such any more. */
  isWaitingFor(call: ServerCall, rest: boolean): void;
  /** A request came in full. */
  used(): void;
  closed(call: ServerCall): void;
}

/** Bytes of whole requests that may wait for their turn, or for the answer to the one before. */
const PIPELINED = 64 * 1024;
/** A piece of a message that is smaller than this, and not the last, is charged: real clients fill their frames. */
const SMALL_PIECE = 256;
/** Characters of a path in messages. */
const LONGEST_PATH = 200;
const RESPONSE = { ":status": 200, "content-type": "application/grpc" };

/** One call on an HTTP/2 stream. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
export class ServerCall implements Call, Worker, Holder {
  readonly headers: IncomingHttpHeaders;
  readonly connection: CallOwner;
  private readonly stream: ServerHttp2Stream;
  private messages: MessageReader;
  private readonly outbox: Outbox;
  private handler: CallHandler | undefined = undefined;
  private over = false;
  /** A request is being answered. */
  private busy = false;
  private halfClosed = false;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, connection: CallOwner) {
    this.stream = stream;
    this.headers = headers;
    this.connection = connection;
    this.messages = new MessageReader(connection.maxRequestSize);
    this.outbox = new Outbox(stream, connection.pieceSize, () => {
      if (!this.over) this.handler?.drained?.();
    });
    // `close` follows.
    stream.on("error", () => {});
    stream.on("data", (bytes: Buffer) => this.receive(bytes));
    stream.on("end", () => {
      this.halfClosed = true;
      connection.turns.offer(connection.share, this);
    });
    stream.on("close", () => {
      this.over = true;
      this.outbox.clear();
      this.forget();
      if (stream.aborted) connection.charge();
      this.letGo();
      connection.closed(this);
    });
  }

  /** Called once, first. `methods`: by path. */
  start(methods: ReadonlyMap<string, GuardedMethod>): void {
    const { ":method": verb, ":path": path = "", "content-type": type = "" } = this.headers;
    const method = methods.get(path);
    if (verb !== "POST" || !type.startsWith("application/grpc")) {
      this.over = true;
      this.connection.refused("protocol", "its request is no gRPC call");
      this.finish({ ":status": 415 });
    } else if (method === undefined) this.end(status.unimplemented, `there is no method ${path.slice(0, LONGEST_PATH)}`);
    else {
      const opened = method(this);
      if (opened instanceof Promise) inBackground(this.await(opened), (error) => this.broke(error));
      else this.open(opened);
    }
  }

  /** HTTP/2's flow control holds what the client sends meanwhile: 64 KiB at the most. */
  private async await(opened: Promise<CallHandler>): Promise<void> {
    this.stream.pause();
    try {
      this.open(await opened);
    } finally {
      this.stream.resume();
    }
  }

  private open(handler: CallHandler): void {
    if (handler.maxRequestSize !== undefined) this.messages = new MessageReader(handler.maxRequestSize);
    this.handler = handler;
    // Its client left while it was not known who calls.
    if (this.stream.destroyed) this.letGo();
  }

  send(message: Message): boolean {
    const { stream } = this;
    if (this.over || stream.closed) return false;
    if (!stream.headersSent) stream.respond(RESPONSE, { waitForTrailers: true });
    return this.outbox.add(message);
  }

  async taken(): Promise<void> {
    const { outbox, connection } = this;
    if (outbox.isEmpty || this.over) return;
    const late = setTimeout(() => this.refuse(status.deadlineExceeded, "the answers are not read"), connection.answerMs);
    await outbox.emptied();
    clearTimeout(late);
  }

  end(code: number, message = ""): void {
    if (this.over) return;
    this.over = true;
    this.forget();
    const fault = FAULTS.get(code);
    if (fault !== undefined) this.connection.refused(fault, message);
    this.finish({ "grpc-status": code, "grpc-message": encodeMessage(message) });
    // A client keeps the certificate of its connection: only on another one can it prove more.
    if (code === status.unauthenticated || code === status.permissionDenied) this.connection.retire();
  }

  /** Handles the next request, if it came in full. True: there is another one. */
  step(): boolean {
    try {
      return this.handle();
    } catch (error) {
      this.broke(error);
      return false;
    }
  }

  private handle(): boolean {
    const { connection, handler, messages } = this;
    if (this.over || this.busy || handler === undefined) return false;
    const next = messages.next();
    if (next === "tooLarge") this.refuse(status.resourceExhausted, tooLarge(messages.maxSize, handler.tooLarge));
    else if (next === "compressed") this.refuse(status.unimplemented, "requests must not be compressed");
    else if (next !== undefined) {
      connection.used();
      const answered = handler.message(next);
      if (answered !== undefined) inBackground(this.waitFor(answered), (error) => this.broke(error));
      this.count();
      return !this.busy && (messages.isReady || this.halfClosed);
    } else if (this.halfClosed) handler.halfClosed();
    return false;
  }

  evict(): void {
    this.refuse(status.resourceExhausted, "too many unfinished requests at once");
  }

  /** The rest of a message did not come in time. */
  expire(): void {
    this.refuse(status.deadlineExceeded, "a request was begun and not finished");
  }

  /** A bug, which is this call's alone. */
  private broke(error: unknown): void {
    this.connection.refused("protocol", `a request could not be handled: ${error instanceof Error ? error.stack : String(error)}`);
    this.end(status.internal, "the server could not handle the request; its log says why");
  }

  private async waitFor(answered: Promise<void>): Promise<void> {
    this.busy = true;
    await answered;
    this.busy = false;
    this.connection.turns.offer(this.connection.share, this);
  }

  /** Sends the last headers: as trailers after messages, or alone. */
  private finish(last: Record<string, string | number>): void {
    const { outbox, stream } = this;
    if (stream.closed || stream.destroyed) return;
    const late = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), this.connection.graceMs);
    stream.once("close", () => clearTimeout(late));
    // A client that still sends is told that nothing more is wanted. https://www.rfc-editor.org/rfc/rfc9113#section-8.1-11
    const stop = () => void (stream.readableEnded || stream.close(constants.NGHTTP2_NO_ERROR));
    if (stream.headersSent) {
      stream.once("wantTrailers", () => {
        stream.sendTrailers(last);
        // Node sends them in a setImmediate of its own.
        setImmediate(stop);
      });
      outbox.finish();
    } else {
      stream.respond({ ...RESPONSE, ...last }, { endStream: true });
      stop();
    }
  }

  private receive(bytes: Buffer): void {
    const { connection, messages } = this;
    if (this.over) return;
    messages.push(bytes);
    if (bytes.length < SMALL_PIECE && !messages.isReady) connection.charge();
    connection.turns.offer(connection.share, this);
    if (this.over) return;
    messages.keep();
    this.count();
  }

  /** Counts what is kept of requests. A client that sends them faster than they are handled is slowed: HTTP/2 takes no more of it before the next ones are. */
  private count(): void {
    const { connection, messages, stream } = this;
    if (messages.isReady && messages.buffered > PIPELINED) stream.pause();
    else if (stream.isPaused()) stream.resume();
    connection.isWaitingFor(this, messages.buffered > 0 && !messages.isReady);
    connection.unfinished.set(this, messages.held);
  }

  private forget(): void {
    this.messages.clear();
    this.count();
  }

  /** Ends the call for a fault that only this level can see. */
  private refuse(code: number, message: string): void {
    this.end(code, message);
    this.letGo();
  }

  private letGo(): void {
    const { handler } = this;
    this.handler = undefined;
    handler?.closed();
  }
}

function tooLarge(bytes: number, advice: string | undefined): string {
  const bound = `a request may have at most ${bytes} bytes`;
  return advice === undefined ? bound : `${bound}; ${advice}`;
}
