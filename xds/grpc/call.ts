import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { createUnframer } from "./frame.ts";
import { encodeMessage, status } from "./status.ts";

/** One call, seen from the server. */
export interface Call {
  readonly headers: IncomingHttpHeaders;
  /** Sends a framed message. False: hold back until `drained` is called. */
  send(frame: Uint8Array): boolean;
  /** Ends the call with this status; nothing is sent or received after it. Safe to call again. */
  end(code: number, message?: string): void;
}

/** What a method does with a call. */
export interface CallHandler {
  message(bytes: Buffer): void;
  drained?(): void;
  /** The client sends no more. */
  halfClosed(): void;
  /** The call is over, whoever ended it. Called once. */
  closed(): void;
}

export type Method = (call: Call) => CallHandler;

/** Bytes on their way to a client beyond which its call holds back. */
const HIGH_WATER = 256 * 1024;
/** Milliseconds that a client has to take a status, before the stream is reset. */
const END_GRACE_MS = 5_000;
const RESPONSE = { ":status": 200, "content-type": "application/grpc" };

/** Statuses that say that the client is at fault. */
const FAULTS: ReadonlySet<number> = new Set([
  status.invalidArgument,
  status.permissionDenied,
  status.resourceExhausted,
  status.unimplemented,
  status.unauthenticated,
]);

export interface CallOptions {
  /** Bytes of a message. */
  readonly maxRequestSize: number;
  /** Told when the client is refused. */
  readonly refused: (why: string) => void;
}

/** Carries one call on an HTTP/2 stream. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
export function serveCall(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, method: Method, options: CallOptions): void {
  const { maxRequestSize, refused } = options;
  const unframer = createUnframer(maxRequestSize);
  let inFlight = 0;
  let over = false;
  let handler: CallHandler | undefined;

  const call: Call = {
    headers,
    send(frame) {
      if (over || stream.destroyed || stream.closed) return false;
      if (!stream.headersSent) stream.respond(RESPONSE, { waitForTrailers: true });
      inFlight += frame.byteLength;
      stream.write(frame, () => {
        const full = inFlight >= HIGH_WATER;
        inFlight -= frame.byteLength;
        if (full && inFlight < HIGH_WATER && !over) handler?.drained?.();
      });
      return inFlight < HIGH_WATER;
    },
    end(code, message = "") {
      if (over) return;
      over = true;
      if (FAULTS.has(code)) refused(message);
      endStream(stream, code, message);
    },
  };

  /** Ends the call for a fault of the client's that only this level can see. */
  function refuse(code: number, message: string): void {
    call.end(code, message);
    closed();
  }

  function closed(): void {
    over = true;
    handler?.closed();
    handler = undefined;
  }

  stream.on("error", () => {});
  stream.on("close", closed);
  stream.on("data", (bytes: Buffer) => {
    if (over) return;
    const { messages, problem } = unframer.push(bytes);
    for (const message of messages) if (!over) handler?.message(message);
    if (problem === "tooLarge") refuse(status.resourceExhausted, `a request may have at most ${maxRequestSize} bytes`);
    if (problem === "compressed") refuse(status.unimplemented, "requests must not be compressed");
  });
  stream.on("end", () => {
    if (!over) handler?.halfClosed();
  });
  handler = method(call);
}

/** Ends a stream that may have sent messages with a status. */
export function endStream(stream: ServerHttp2Stream, code: number, message: string): void {
  if (stream.destroyed || stream.closed) return;
  const trailers = { "grpc-status": String(code), "grpc-message": encodeMessage(message) };
  if (!stream.headersSent) stream.respond({ ...RESPONSE, ...trailers }, { endStream: true });
  else {
    stream.once("wantTrailers", () => stream.sendTrailers(trailers));
    stream.end();
  }
  stream.resume();
  const late = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), END_GRACE_MS);
  stream.once("close", () => clearTimeout(late));
}
