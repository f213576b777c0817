import type { Call, CallHandler, Method } from "./call.ts";
import { errorCode, MAX_WINDOW } from "./frames.ts";
import { encodeHeaders, type Headers } from "./hpack.ts";
import { type Message, MessageReader } from "./message.ts";
import { Outbox } from "./outbox.ts";
import type { Outlet } from "./outlet.ts";
import { encodeMessage, status } from "./status.ts";

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly outlet: Outlet;
  /** Bytes of a message. */
  readonly maxRequestSize: number;
  /** Told when the client is refused, and why. */
  refused(why: string): void;
  /** Ends the stream with an RST_STREAM of this code. */
  reset(streamId: number, code: number): void;
  /** Both directions have ended: the stream may be forgotten. */
  finished(streamId: number): void;
}

/** Bytes on their way to a client beyond which its call holds back. */
const HIGH_WATER = 256 * 1024;
/** Milliseconds that a client has to take what is on its way to it before the status, until the stream is reset. */
const END_GRACE_MS = 5_000;
const RESPONSE = { ":status": "200", "content-type": "application/grpc" };
/** Statuses that say that the client is at fault. */
const FAULTS: ReadonlySet<number> = new Set([
  status.invalidArgument,
  status.permissionDenied,
  status.resourceExhausted,
  status.unimplemented,
  status.unauthenticated,
]);
/** Of a path in messages. */
const LONGEST_PATH = 200;
const OPENING = encodeHeaders(RESPONSE);

/** One call on an HTTP/2 stream. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
export class ServerStream implements Call {
  readonly headers: Headers;
  /** Bytes the client may still send before it is told that it may send more. Kept by the connection. */
  receiveWindow: number;
  remoteClosed = false;
  private readonly id: number;
  private readonly owner: StreamOwner;
  private readonly outbox: Outbox;
  private readonly messages: MessageReader;
  private handler: CallHandler | undefined = undefined;
  private sent = false;
  private over = false;
  private held = false;
  private late: NodeJS.Timeout | undefined = undefined;

  /** `sendWindow`, `receiveWindow`: the stream's windows at first, in bytes. */
  constructor(id: number, headers: Headers, owner: StreamOwner, sendWindow: number, receiveWindow: number) {
    this.id = id;
    this.headers = headers;
    this.owner = owner;
    this.receiveWindow = receiveWindow;
    this.outbox = new Outbox(id, owner.outlet, OPENING, sendWindow);
    this.messages = new MessageReader(owner.maxRequestSize);
  }

  /** Called once, first. `method`: what serves the path of the call; `ended`: the client sends nothing more. */
  start(method: Method | undefined, ended: boolean): void {
    this.remoteClosed = ended;
    const { headers } = this;
    if (headers.get(":method") !== "POST" || !headers.get("content-type")?.startsWith("application/grpc")) {
      this.over = true;
      this.owner.refused("its request is no gRPC call");
      this.outbox.finish(encodeHeaders({ ":status": "415" }));
      this.settle();
    } else if (method === undefined) {
      this.end(status.unimplemented, `there is no method ${headers.get(":path")?.slice(0, LONGEST_PATH)}`);
    } else {
      this.handler = method(this);
      if (ended) this.halfClose();
    }
  }

  send(message: Message): boolean {
    if (this.over) return false;
    this.sent = true;
    this.outbox.push(message);
    this.held = this.isFull();
    return !this.held;
  }

  end(code: number, message = ""): void {
    if (this.over) return;
    this.over = true;
    if (FAULTS.has(code)) this.owner.refused(message);
    const trailers = { "grpc-status": String(code), "grpc-message": encodeMessage(message) };
    this.outbox.finish(encodeHeaders(this.sent ? trailers : { ...RESPONSE, ...trailers }));
    if (this.outbox.ended()) this.settle();
    else this.late = setTimeout(() => this.owner.reset(this.id, errorCode.cancel), END_GRACE_MS);
  }

  /** Bytes from the client. */
  receive(bytes: Buffer): void {
    if (this.over) return;
    this.messages.push(bytes);
    for (let message = this.messages.next(); message !== undefined; message = this.messages.next()) {
      if (message === "tooLarge") this.refuse(status.resourceExhausted, `a request may have at most ${this.owner.maxRequestSize} bytes`);
      else if (message === "compressed") this.refuse(status.unimplemented, "requests must not be compressed");
      else this.handler?.message(message);
      if (this.over) return;
    }
  }

  /** The client has ended its direction. */
  halfClose(): void {
    this.remoteClosed = true;
    if (this.outbox.ended()) this.owner.finished(this.id);
    else if (!this.over) this.handler?.halfClosed();
  }

  /** The client takes this much more. False: the window grows beyond what a window may be. */
  widen(bytes: number): boolean {
    return this.outbox.widen(bytes) && bytes <= MAX_WINDOW;
  }

  /** The connection takes more: sends what waits. */
  pump(): void {
    this.outbox.pump();
    if (this.over && this.outbox.ended()) this.settle();
    else if (this.held && !this.isFull()) {
      this.held = false;
      this.handler?.drained?.();
    }
  }

  /** The stream is gone: reset, or its connection is. */
  closed(): void {
    this.over = true;
    clearTimeout(this.late);
    const { handler } = this;
    this.handler = undefined;
    handler?.closed();
  }

  private isFull(): boolean {
    return this.outbox.waiting() > 0 || this.owner.outlet.backlog() >= HIGH_WATER;
  }

  /** Our direction has ended. A client that still sends is told that nothing more is wanted of it. */
  private settle(): void {
    clearTimeout(this.late);
    if (this.remoteClosed) this.owner.finished(this.id);
    else this.owner.reset(this.id, errorCode.none);
  }

  /** Ends the call for a fault of the client's that only this level can see. */
  private refuse(code: number, message: string): void {
    this.end(code, message);
    const { handler } = this;
    this.handler = undefined;
    handler?.closed();
  }
}
