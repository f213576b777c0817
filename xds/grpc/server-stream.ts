import type { Call, CallHandler, Method } from "./call.ts";
import { createUnframer } from "./frame.ts";
import { errorCode, MAX_WINDOW } from "./frames.ts";
import { encodeHeaders, type Headers } from "./hpack.ts";
import { createOutbox, type Outlet } from "./outbox.ts";
import { encodeMessage, status } from "./status.ts";

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly outlet: Outlet;
  readonly maxRequestSize: number;
  /** Told when the client is refused, and why. */
  readonly refused: (why: string) => void;
  /** Ends the stream with an RST_STREAM of this code. */
  reset(streamId: number, code: number): void;
  /** Both directions have ended: the stream may be forgotten. */
  finished(streamId: number): void;
}

/** One call on an HTTP/2 stream. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
export interface ServerStream {
  /** Bytes the client may still send before it is told that it may send more. Kept by the connection. */
  receiveWindow: number;
  readonly remoteClosed: boolean;
  data(bytes: Buffer): void;
  /** The client has ended its direction. */
  end(): void;
  /** False: the window grows beyond what a window may be. */
  widen(bytes: number): boolean;
  /** The connection takes more: sends what waits. */
  pump(): void;
  /** The stream is gone: reset, or its connection is. */
  closed(): void;
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

export function createServerStream(
  streamId: number,
  headers: Headers,
  method: Method | undefined,
  owner: StreamOwner,
  windows: { readonly send: number; readonly receive: number },
): ServerStream {
  const { outlet } = owner;
  const outbox = createOutbox(streamId, outlet, OPENING, windows.send);
  const unframer = createUnframer(owner.maxRequestSize);
  let handler: CallHandler | undefined;
  let sent = false;
  let over = false;
  let held = false;
  let remoteClosed = false;
  let late: NodeJS.Timeout | undefined;

  const full = () => outbox.waiting() > 0 || outlet.backlog() >= HIGH_WATER;

  const call: Call = {
    headers,
    send(frame) {
      if (over) return false;
      sent = true;
      outbox.push(frame);
      held = full();
      return !held;
    },
    end(code, message = "") {
      if (over) return;
      over = true;
      if (FAULTS.has(code)) owner.refused(message);
      const trailers = { "grpc-status": String(code), "grpc-message": encodeMessage(message) };
      outbox.finish(encodeHeaders(sent ? trailers : { ...RESPONSE, ...trailers }));
      if (outbox.ended()) settle();
      else late = setTimeout(() => owner.reset(streamId, errorCode.cancel), END_GRACE_MS);
    },
  };

  /** Our direction has ended. A client that still sends is told that nothing more is wanted of it. */
  function settle(): void {
    clearTimeout(late);
    if (remoteClosed) owner.finished(streamId);
    else owner.reset(streamId, errorCode.none);
  }

  /** Ends the call for a fault of the client's that only this level can see. */
  function refuse(code: number, message: string): void {
    call.end(code, message);
    closeHandler();
  }

  function closeHandler(): void {
    const ending = handler;
    handler = undefined;
    ending?.closed();
  }

  const stream: ServerStream = {
    receiveWindow: windows.receive,
    get remoteClosed() {
      return remoteClosed;
    },
    data(bytes) {
      if (over) return;
      const { messages, problem } = unframer.push(bytes);
      for (const message of messages) if (!over) handler?.message(message);
      if (problem === "tooLarge") refuse(status.resourceExhausted, `a request may have at most ${owner.maxRequestSize} bytes`);
      if (problem === "compressed") refuse(status.unimplemented, "requests must not be compressed");
    },
    end() {
      remoteClosed = true;
      if (outbox.ended()) owner.finished(streamId);
      else if (!over) handler?.halfClosed();
    },
    widen(bytes) {
      const fits = outbox.widen(bytes);
      if (fits && bytes > 0) stream.pump();
      return fits && bytes <= MAX_WINDOW;
    },
    pump() {
      outbox.pump();
      if (over && outbox.ended()) settle();
      else if (held && !full()) {
        held = false;
        handler?.drained?.();
      }
    },
    closed() {
      over = true;
      clearTimeout(late);
      closeHandler();
    },
  };

  if (headers.get(":method") !== "POST" || !headers.get("content-type")?.startsWith("application/grpc")) {
    over = true;
    owner.refused("its request is no gRPC call");
    outbox.finish(encodeHeaders({ ":status": "415" }));
    queueMicrotask(settle);
  } else if (method === undefined) {
    queueMicrotask(() => call.end(status.unimplemented, `there is no method ${headers.get(":path")?.slice(0, LONGEST_PATH)}`));
  } else {
    handler = method(call);
  }
  return stream;
}
