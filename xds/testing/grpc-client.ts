import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import type { SecureContextOptions } from "node:tls";
import { frame, MessageReader } from "../grpc/message.ts";
import { status } from "../grpc/status.ts";

export interface Status {
  readonly code: number;
  readonly details: string;
}

/** One call of a test, on Node's own HTTP/2: what is written to several calls of a connection goes out in the order it was written. */
export interface TestCall {
  /** Resolves when the message has left. */
  write(message: Uint8Array): Promise<void>;
  readonly ended: Promise<Status>;
  pause(): void;
  resume(): void;
  cancel(): void;
}

export interface TestConnection {
  call(path: string, onMessage: (message: Buffer) => void): TestCall;
  close(): void;
}

export interface GrpcOptions {
  /** Over TLS, with this. */
  readonly tls?: SecureContextOptions & { readonly servername?: string };
  /** The metadata `authorization` of each call. */
  readonly authorization?: string;
}

export function connectGrpc(port: number, { tls, authorization }: GrpcOptions = {}): TestConnection {
  const scheme = tls === undefined ? "http" : "https";
  const session: ClientHttp2Session = connect(`${scheme}://127.0.0.1:${port}`, { maxSessionMemory: 1024, ...tls });
  session.on("error", () => {});
  return {
    call: (path, onMessage) => open(session, path, onMessage, authorization === undefined ? {} : { authorization }),
    close: () => session.destroy(),
  };
}

function open(session: ClientHttp2Session, path: string, onMessage: (message: Buffer) => void, metadata: OutgoingHttpHeaders): TestCall {
  const messages = new MessageReader(2 ** 31);
  const stream: ClientHttp2Stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...metadata,
  });
  let how: Status | undefined;
  const take = (headers: IncomingHttpHeaders) => {
    const code = headers["grpc-status"];
    if (code !== undefined) how = { code: Number(code), details: decodeURIComponent(String(headers["grpc-message"] ?? "")) };
  };
  stream.on("response", take);
  stream.on("trailers", take);
  stream.on("error", () => {});
  stream.on("data", (bytes: Buffer) => {
    messages.push(bytes);
    for (let next = messages.next(); typeof next === "object"; next = messages.next()) onMessage(next);
  });
  return {
    write: (message) => new Promise((done) => stream.write(frame([message]), () => done())),
    ended: new Promise((done) => stream.once("close", () => done(how ?? { code: status.unavailable, details: "the stream was reset" }))),
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    cancel: () => stream.close(constants.NGHTTP2_CANCEL),
  };
}
