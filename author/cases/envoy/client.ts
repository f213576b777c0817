import { once } from "node:events";
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from "node:http2";
import { connect as connectTcp } from "node:net";
import { type Message, message } from "../../../preflight/index.ts";
import { fieldsOf, pairsOf, readBody, writeChunks } from "./frames.ts";

/** What a client got. */
export interface Got {
  /** `undefined`: no whole response. */
  readonly response: Message | undefined;
  /** The client gave up. */
  readonly isLate: boolean;
}

/** Sends requests to one listener, over one connection. */
export class Client {
  private readonly port: number;
  private session: ClientHttp2Session | undefined;

  constructor(port: number) {
    this.port = port;
  }

  /** Sends a request and waits `patienceMs` for the whole response. */
  async exchange(request: Message, patienceMs: number): Promise<Got> {
    const { body, headers, trailers } = request;
    const isEnd = body.length === 0 && trailers.length === 0;
    const stream = this.connected().request(fieldsOf(headers), { endStream: isEnd, waitForTrailers: trailers.length > 0 });
    stream.once("wantTrailers", () => stream.sendTrailers(fieldsOf(trailers)));
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      stream.close(constants.NGHTTP2_CANCEL);
    }, patienceMs);
    let head: IncomingHttpHeaders | undefined;
    stream.once("response", (fields) => {
      head = fields;
    });
    const [got] = await Promise.allSettled([readBody(stream), isEnd ? undefined : writeChunks(stream, request)]);
    clearTimeout(timer);
    if (got.status === "rejected" || head === undefined) return { response: undefined, isLate };
    return { response: message(pairsOf(head), got.value.body, got.value.trailers), isLate };
  }

  close(): void {
    this.session?.destroy();
    this.session = undefined;
  }

  private connected(): ClientHttp2Session {
    if (this.session === undefined || this.session.destroyed || this.session.closed) {
      const session = connect(`http://127.0.0.1:${this.port}`);
      session.on("error", () => {});
      this.session = session;
    }
    return this.session;
  }
}

/** Opens a connection to a port, closes it, and gives the port that it came from. */
export async function knock(port: number): Promise<number> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  const { localPort = 0 } = socket;
  socket.destroy();
  return localPort;
}
