import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { RefusalReason } from "../../model/metrics.ts";
import type { Call, CallHandler, Connection, Method } from "./call.ts";
import { type Message, MessageReader } from "./message.ts";
import { encodeMessage, FAULTS, status } from "./status.ts";

/** What a call needs of its connection. */
export interface CallOwner extends Connection {
  /** Bytes of a message. */
  readonly maxRequestSize: number;
  /** Bytes of a message that are handed to HTTP/2 at once. */
  readonly pieceSize: number;
  /** Milliseconds that a client has to take what was sent and the status, until the stream is reset. */
  readonly graceMs: number;
  /** Reports a call that the client got wrong. Charges the abuse budget. */
  refused(reason: RefusalReason, why: string): void;
  /** Charges the abuse budget. */
  charge(): void;
  /** Counts bytes of unfinished messages. False: the connection has too many. */
  hold(bytes: number): boolean;
}

/** Bytes waiting for the client at which `send` returns false. */
const HIGH_WATER = 32 * 1024;
/** Characters of a path in messages. */
const LONGEST_PATH = 200;
const RESPONSE = { ":status": 200, "content-type": "application/grpc" };

/** One call on an HTTP/2 stream. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
export class ServerCall implements Call {
  readonly headers: IncomingHttpHeaders;
  readonly connection: CallOwner;
  private readonly stream: ServerHttp2Stream;
  private readonly messages: MessageReader;
  private handler: CallHandler | undefined = undefined;
  /** Pieces of messages that HTTP/2 was not given yet. */
  private readonly queue: Buffer[] = [];
  private over = false;
  private held = false;
  /** A piece has left this process. One function for all of them. */
  private readonly written = (): void => {
    if (this.stream.destroyed) return;
    this.pump();
    if (!this.held || this.isFull()) return;
    this.held = false;
    if (!this.over) this.handler?.drained?.();
  };

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, connection: CallOwner) {
    this.stream = stream;
    this.headers = headers;
    this.connection = connection;
    this.messages = new MessageReader(connection.maxRequestSize);
    // `close` follows.
    stream.on("error", () => {});
    stream.on("data", (bytes: Buffer) => this.receive(bytes));
    stream.on("end", () => {
      if (!this.over) this.handler?.halfClosed();
    });
    stream.on("close", () => {
      this.over = true;
      this.queue.length = 0;
      connection.hold(-this.messages.buffered);
      if (stream.aborted) connection.charge();
      this.letGo();
    });
  }

  /** Called once, first. `methods`: by path. */
  start(methods: ReadonlyMap<string, Method>): void {
    const { ":method": verb, ":path": path = "", "content-type": type = "" } = this.headers;
    const method = methods.get(path);
    if (verb !== "POST" || !type.startsWith("application/grpc")) {
      this.over = true;
      this.connection.refused("protocol", "its request is no gRPC call");
      this.finish({ ":status": 415 });
    } else if (method === undefined) this.end(status.unimplemented, `there is no method ${path.slice(0, LONGEST_PATH)}`);
    else this.handler = method(this);
  }

  send(message: Message): boolean {
    const { stream } = this;
    if (this.over || stream.closed) return false;
    if (!stream.headersSent) stream.respond(RESPONSE, { waitForTrailers: true });
    const { pieceSize } = this.connection;
    for (let at = 0; at < message.length; at += pieceSize) this.queue.push(message.subarray(at, at + pieceSize));
    this.pump();
    this.held = this.isFull();
    return !this.held;
  }

  end(code: number, message = ""): void {
    if (this.over) return;
    this.over = true;
    const fault = FAULTS.get(code);
    if (fault !== undefined) this.connection.refused(fault, message);
    this.finish({ "grpc-status": code, "grpc-message": encodeMessage(message) });
  }

  private isFull(): boolean {
    return this.queue.length > 0 || this.stream.writableLength >= HIGH_WATER;
  }

  private pump(): void {
    const { queue, stream } = this;
    while (stream.writableLength < HIGH_WATER) {
      const piece = queue.shift();
      if (piece === undefined) break;
      stream.write(piece, this.written);
    }
    if (this.over && queue.length === 0 && !stream.writableEnded) stream.end();
  }

  /** Sends the last headers: as trailers after messages, or alone. */
  private finish(last: Record<string, string | number>): void {
    const { stream } = this;
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
      this.pump();
    } else {
      stream.respond({ ...RESPONSE, ...last }, { endStream: true });
      stop();
    }
  }

  private receive(bytes: Buffer): void {
    const { connection, messages } = this;
    if (this.over) return;
    const before = messages.buffered;
    messages.push(bytes);
    for (let next = messages.next(); next !== undefined && !this.over; next = messages.next()) {
      if (next === "tooLarge") this.refuse(status.resourceExhausted, `a request may have at most ${connection.maxRequestSize} bytes`);
      else if (next === "compressed") this.refuse(status.unimplemented, "requests must not be compressed");
      else this.handler?.message(next);
    }
    if (!connection.hold(messages.buffered - before)) this.refuse(status.resourceExhausted, "too many unfinished requests at once");
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
