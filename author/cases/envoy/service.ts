import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import { listen } from "../../../base/listen.ts";
import { type Message, message } from "../../../preflight/index.ts";
import { fieldsOf, pairsOf, readBody, writeChunks } from "./frames.ts";

/** What a service does with a request that has come in whole; for gRPC as soon as its headers are there. */
export type Serve = (request: Message, stream: ServerHttp2Stream) => Promise<void>;

/** A service of this process that Envoy calls, over HTTP/2. */
export interface Service {
  readonly port: number;
  stop(): Promise<void>;
}

/** `serve` is called for each request; what it throws resets the stream. */
export async function startService(serve: Serve, isWhole: (headers: IncomingHttpHeaders) => boolean = () => true): Promise<Service> {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", () => {});
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    const whole = isWhole(headers) ? readBody(stream) : Promise.resolve({ body: [], trailers: [] });
    whole.then(({ body, trailers }) => serve(message(pairsOf(headers), body, trailers), stream)).catch(() => stream.destroy());
  });
  const { port } = await listen(server, { host: "127.0.0.1", port: 0 });
  return { port, stop: () => stop(server, sessions) };
}

async function stop(server: Http2Server, sessions: ReadonlySet<ServerHttp2Session>): Promise<void> {
  for (const session of sessions) session.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

/** Answers with a whole message. */
export async function respond(stream: ServerHttp2Stream, answer: Message): Promise<void> {
  const { body, headers, trailers } = answer;
  const isEnd = body.length === 0 && trailers.length === 0;
  if (stream.destroyed) return;
  stream.once("wantTrailers", () => stream.sendTrailers(fieldsOf(trailers)));
  stream.respond(fieldsOf(headers), { endStream: isEnd, waitForTrailers: trailers.length > 0, sendDate: false } as never);
  if (!isEnd) await writeChunks(stream, answer);
}
