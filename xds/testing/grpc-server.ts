import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import type { TestContext } from "node:test";
import type { Method } from "../grpc/call.ts";
import { frame } from "../grpc/message.ts";
import { createGrpcServer, type GrpcServerOptions } from "../grpc/server.ts";
import { status } from "../grpc/status.ts";
import { FRAME_HEADER, headerBlock } from "./raw-http2.ts";

export const ECHO = "/test.Test/Echo";
export const MIB = 1024 * 1024;

/** What clients there are go first when a test ends. */
export const ends: (() => void)[] = [];

/** Sends every message back. */
export const echo: Method = (call) => ({
  message: (bytes) => void call.send(frame([bytes])),
  halfClosed: () => call.end(status.ok),
  closed() {},
});

export async function startServer(
  t: TestContext,
  methods: Record<string, Method> = { [ECHO]: echo },
  options: Partial<GrpcServerOptions> = {},
) {
  const refusals: string[] = [];
  const refused = (_peer: string, _reason: string, why: string) => void refusals.push(why);
  const server = createGrpcServer({
    methods: new Map(Object.entries(methods)),
    maxRequestSize: 8 * MIB,
    maxConnectionAgeMs: 0,
    graceMs: 300,
    refused,
    ...options,
  });
  const { port } = await server.listen("127.0.0.1:0");
  t.after(async () => {
    for (const end of ends.splice(0)) end();
    await server.close();
  });
  return { server, port, refusals };
}

export function session(port: number, settings: { initialWindowSize?: number } = {}): ClientHttp2Session {
  const client = connectHttp2(`http://127.0.0.1:${port}`, { settings });
  client.on("error", () => {});
  ends.push(() => client.destroy());
  return client;
}

export function request(client: ClientHttp2Session, path = ECHO) {
  const stream = client.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" });
  stream.on("error", () => {});
  return stream;
}

/** A connection that says what it likes: the frames that it gets back, as [type, flags, stream, payload]. */
export function raw(port: number): { socket: Socket; frames: [number, number, number, Buffer][]; closed: Promise<unknown> } {
  const socket = connectTcp(port, "127.0.0.1");
  const frames: [number, number, number, Buffer][] = [];
  let pending = Buffer.alloc(0);
  socket.on("data", (bytes) => {
    pending = Buffer.concat([pending, bytes]);
    while (pending.length >= FRAME_HEADER && pending.length >= FRAME_HEADER + pending.readUIntBE(0, 3)) {
      const end = FRAME_HEADER + pending.readUIntBE(0, 3);
      frames.push([pending[3] ?? 0, pending[4] ?? 0, pending.readUInt32BE(5), pending.subarray(FRAME_HEADER, end)]);
      pending = pending.subarray(end);
    }
  });
  socket.on("error", () => {});
  ends.push(() => socket.destroy());
  return { socket, frames, closed: once(socket, "close") };
}

export const goodRequest = headerBlock({
  ":method": "POST",
  ":scheme": "http",
  ":authority": "a",
  ":path": ECHO,
  "content-type": "application/grpc",
});
