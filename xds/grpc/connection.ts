import type { Socket } from "node:net";
import type { Method } from "./call.ts";
import {
  errorCode,
  FRAME_HEADER,
  flag,
  frameType,
  MAX_FRAME,
  MAX_WINDOW,
  makeFrame,
  PREFACE,
  setting,
  settingsFrame,
  unpad,
  words,
} from "./frames.ts";
import { createHeaderDecoder } from "./hpack.ts";
import type { Outlet } from "./outbox.ts";
import { createPatience } from "./patience.ts";
import { isRequest } from "./request.ts";
import { createServerStream, type ServerStream, type StreamOwner } from "./server-stream.ts";

/** The server's end of an HTTP/2 connection that carries gRPC calls. https://www.rfc-editor.org/rfc/rfc9113 */
export interface Connection {
  /** Asks the peer for a sign of life. True: it owes one since the last time. */
  ping(): boolean;
  /** Takes no new calls; the connection closes when those that are open have ended. */
  retire(): void;
  destroy(): void;
}

export interface ConnectionOptions {
  readonly methods: ReadonlyMap<string, Method>;
  /** Bytes of a message. */
  readonly maxRequestSize: number;
  /** Told when the client is refused, and why. */
  readonly refused: (why: string) => void;
  /** Told when the connection is gone. */
  readonly closed: () => void;
}

const DEFAULT_WINDOW = 65_535;
/** What a client may send on a stream, and on all of them, before it is told that it may send more. */
const STREAM_WINDOW = 256 * 1024;
const CONNECTION_WINDOW = 1024 * 1024;
const MAX_CONCURRENT_CALLS = 1_000;
/** Bytes of an encoded header block, over all its frames. */
const MAX_HEADER_BLOCK = 64 * 1024;
/** Calls that a client may break off, and frames that oblige the server to answer or do nothing: this many at once, then this many a second. */
const NUISANCE_BURST = 1_000;
const NUISANCE_RATE = 33;
/** Bytes that may wait for a peer that takes nothing, before it counts as a nuisance to answer it. */
const MAX_REPLY_BACKLOG = 4 * 1024 * 1024;
/** Up to this many bytes are copied into one piece to leave at once. */
const SMALL = 16 * 1024;
const HELLO = Buffer.concat([
  settingsFrame([
    [setting.maxConcurrentStreams, MAX_CONCURRENT_CALLS],
    [setting.initialWindowSize, STREAM_WINDOW],
  ]),
  makeFrame(frameType.windowUpdate, 0, 0, words(CONNECTION_WINDOW - DEFAULT_WINDOW)),
]);
const SETTINGS_ACK = makeFrame(frameType.settings, flag.ack, 0, Buffer.alloc(0));
const PING = makeFrame(frameType.ping, 0, 0, Buffer.from("are you?"));

/** The error code that the connection must end with, if it must. */
type Fault = number | undefined;

interface HeaderBlock {
  readonly streamId: number;
  readonly flags: number;
  readonly parts: Buffer[];
}

export function createConnection(socket: Socket, options: ConnectionOptions): Connection {
  const streams = new Map<number, ServerStream>();
  const decoder = createHeaderDecoder();
  let pending: Buffer | undefined;
  let greeted = false;
  let settled = false;
  let over = false;
  let retired = false;
  let owesPong = false;
  let lastStreamId = 0;
  let receiveWindow = CONNECTION_WINDOW;
  let peerStreamWindow = DEFAULT_WINDOW;
  let block: HeaderBlock | undefined;
  const patience = createPatience(NUISANCE_BURST, NUISANCE_RATE, Date.now());

  /** What leaves together: all that is said while one batch of bytes is taken in. */
  let out: Uint8Array[] = [];
  let receiving = false;

  function flush(): void {
    const parts = out;
    if (parts.length === 0 || over) return;
    out = [];
    const size = parts.reduce((sum, part) => sum + part.byteLength, 0);
    const [only] = parts;
    if (only !== undefined && parts.length === 1) socket.write(only);
    else if (size <= SMALL) socket.write(Buffer.concat(parts, size));
    else {
      socket.cork();
      for (const part of parts) socket.write(part);
      socket.uncork();
    }
  }

  const outlet: Outlet = {
    window: DEFAULT_WINDOW,
    backlog: () => socket.writableLength,
    write(...parts) {
      if (over) return;
      out.push(...parts);
      if (!receiving) flush();
    },
  };

  const owner: StreamOwner = {
    outlet,
    maxRequestSize: options.maxRequestSize,
    refused: options.refused,
    reset: resetStream,
    finished(streamId) {
      const stream = streams.get(streamId);
      streams.delete(streamId);
      stream?.closed();
      if (retired && streams.size === 0) end();
    },
  };

  function resetStream(streamId: number, code: number): void {
    outlet.write(makeFrame(frameType.rstStream, 0, streamId, words(code)));
    owner.finished(streamId);
  }

  function end(): void {
    flush();
    socket.end();
  }

  /** The peer broke the protocol: it is told how, and the connection ends. https://www.rfc-editor.org/rfc/rfc9113#section-5.4.1 */
  function fault(code: number, why: string): void {
    if (over) return;
    options.refused(why);
    outlet.write(makeFrame(frameType.goaway, 0, 0, words(lastStreamId, code)));
    flush();
    close();
    socket.destroySoon();
  }

  function close(): void {
    if (over) return;
    over = true;
    out = [];
    for (const stream of streams.values()) stream.closed();
    streams.clear();
  }

  /** What costs the server more than the client is borne with, up to a point. */
  function bear(): Fault {
    return patience.take(Date.now()) && socket.writableLength < MAX_REPLY_BACKLOG ? undefined : errorCode.enhanceYourCalm;
  }

  function receive(bytes: Buffer): void {
    if (over) return;
    const input = pending === undefined ? bytes : Buffer.concat([pending, bytes]);
    pending = undefined;
    receiving = true;
    const start = greeted ? 0 : greet(input);
    if (start === undefined) fault(errorCode.protocol, "it does not speak HTTP/2");
    else take(input, start);
    receiving = false;
    flush();
  }

  /** Where the frames begin, or `undefined` when these are not the first bytes of an HTTP/2 client. */
  function greet(input: Buffer): number | undefined {
    const length = Math.min(input.length, PREFACE.length);
    if (input.compare(PREFACE, 0, length, 0, length) !== 0) return undefined;
    greeted = length === PREFACE.length;
    if (greeted) outlet.write(HELLO);
    return greeted ? length : 0;
  }

  function take(input: Buffer, start: number): void {
    let at = start;
    while (greeted && !over && input.length - at >= FRAME_HEADER) {
      const length = input.readUIntBE(at, 3);
      const end = at + FRAME_HEADER + length;
      if (length <= MAX_FRAME && end > input.length) break;
      const streamId = input.readUInt32BE(at + 5) & 0x7fffffff;
      const payload = input.subarray(at + FRAME_HEADER, end);
      const code = length > MAX_FRAME ? errorCode.frameSize : takeFrame(input[at + 3] ?? 0, input[at + 4] ?? 0, streamId, payload);
      if (code !== undefined) {
        fault(code, `it broke HTTP/2 (error ${code})`);
        return;
      }
      at = end;
    }
    // What is left is copied: it would keep all that came with it in memory.
    if (!over && at < input.length) pending = Buffer.from(input.subarray(at));
  }

  function takeFrame(type: number, flags: number, streamId: number, payload: Buffer): Fault {
    if (!settled && (type !== frameType.settings || flags & flag.ack)) return errorCode.protocol;
    if (block !== undefined && (type !== frameType.continuation || streamId !== block.streamId)) return errorCode.protocol;
    switch (type) {
      case frameType.data:
        return takeData(flags, streamId, payload);
      case frameType.headers:
        return takeHeaders(flags, streamId, payload);
      case frameType.priority:
        return takePriority(streamId, payload);
      case frameType.rstStream:
        return takeReset(streamId, payload);
      case frameType.settings:
        return takeSettings(flags, streamId, payload);
      case frameType.pushPromise:
        return errorCode.protocol;
      case frameType.ping:
        return takePing(flags, streamId, payload);
      case frameType.goaway:
        return streamId === 0 ? undefined : errorCode.protocol;
      case frameType.windowUpdate:
        return takeWindowUpdate(streamId, payload);
      case frameType.continuation:
        return takeContinuation(flags, payload);
    }
  }

  function takeData(flags: number, streamId: number, payload: Buffer): Fault {
    const stream = streams.get(streamId);
    if (streamId === 0 || streamId > lastStreamId) return errorCode.protocol;
    receiveWindow -= payload.length;
    if (receiveWindow < 0) return errorCode.flowControl;
    if (receiveWindow < CONNECTION_WINDOW / 2) {
      outlet.write(makeFrame(frameType.windowUpdate, 0, 0, words(CONNECTION_WINDOW - receiveWindow)));
      receiveWindow = CONNECTION_WINDOW;
    }
    const content = unpad(payload, flags);
    if (content === undefined) return errorCode.protocol;
    if (content.length === 0 && !(flags & flag.endStream) && bear() !== undefined) return errorCode.enhanceYourCalm;
    if (stream === undefined || stream.remoteClosed) return streamFault(streamId, errorCode.streamClosed);
    stream.receiveWindow -= payload.length;
    if (stream.receiveWindow < 0) return streamFault(streamId, errorCode.flowControl);
    stream.data(content);
    if (flags & flag.endStream) stream.end();
    else if (stream.receiveWindow < STREAM_WINDOW / 2 && streams.has(streamId)) {
      outlet.write(makeFrame(frameType.windowUpdate, 0, streamId, words(STREAM_WINDOW - stream.receiveWindow)));
      stream.receiveWindow = STREAM_WINDOW;
    }
  }

  /** The peer broke the protocol on one stream: that one ends. */
  function streamFault(streamId: number, code: number): Fault {
    resetStream(streamId, code);
    return bear();
  }

  function takeHeaders(flags: number, streamId: number, payload: Buffer): Fault {
    let content = unpad(payload, flags);
    if (streamId % 2 === 0 || content === undefined) return errorCode.protocol;
    if (flags & flag.priority) {
      if (content.length < 5 || (content.readUInt32BE(0) & 0x7fffffff) === streamId) return errorCode.protocol;
      content = content.subarray(5);
    }
    block = { streamId, flags, parts: [content] };
    return flags & flag.endHeaders ? completeHeaders(block) : undefined;
  }

  function takeContinuation(flags: number, payload: Buffer): Fault {
    if (block === undefined) return errorCode.protocol;
    block.parts.push(payload);
    const size = block.parts.reduce((sum, part) => sum + part.length, 0);
    if (size > MAX_HEADER_BLOCK || (payload.length === 0 && bear() !== undefined)) return errorCode.enhanceYourCalm;
    return flags & flag.endHeaders ? completeHeaders(block) : undefined;
  }

  function completeHeaders({ streamId, flags, parts }: HeaderBlock): Fault {
    block = undefined;
    const headers = decoder.decode(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts));
    if (headers === "malformed") return errorCode.compression;
    const stream = streams.get(streamId);
    if (stream !== undefined) {
      if (stream.remoteClosed) return streamFault(streamId, errorCode.streamClosed);
      // Trailers of a request: they end it, and hold nothing of use.
      if (!(flags & flag.endStream) || headers === "tooLarge" || [...headers.keys()].some((name) => name.startsWith(":"))) {
        return streamFault(streamId, errorCode.protocol);
      }
      stream.end();
      return undefined;
    }
    if (streamId <= lastStreamId) return errorCode.streamClosed;
    lastStreamId = streamId;
    if (headers === "tooLarge") return streamFault(streamId, errorCode.enhanceYourCalm);
    if (!isRequest(headers)) return streamFault(streamId, errorCode.protocol);
    if (retired || streams.size >= MAX_CONCURRENT_CALLS) return streamFault(streamId, errorCode.refusedStream);
    const windows = { send: peerStreamWindow, receive: STREAM_WINDOW };
    const opened = createServerStream(streamId, headers, options.methods.get(headers.get(":path") ?? ""), owner, windows);
    streams.set(streamId, opened);
    if (flags & flag.endStream) opened.end();
    return undefined;
  }

  function takePriority(streamId: number, payload: Buffer): Fault {
    if (streamId === 0) return errorCode.protocol;
    if (payload.length !== 5) return streamFault(streamId, errorCode.frameSize);
    if ((payload.readUInt32BE(0) & 0x7fffffff) === streamId) return streamFault(streamId, errorCode.protocol);
    return bear();
  }

  function takeReset(streamId: number, payload: Buffer): Fault {
    if (payload.length !== 4) return errorCode.frameSize;
    if (streamId === 0 || streamId > lastStreamId) return errorCode.protocol;
    owner.finished(streamId);
    return bear();
  }

  function takeSettings(flags: number, streamId: number, payload: Buffer): Fault {
    if (streamId !== 0) return errorCode.protocol;
    if (payload.length % 6 !== 0 || (flags & flag.ack && payload.length > 0)) return errorCode.frameSize;
    if (flags & flag.ack) return undefined;
    for (let at = 0; at < payload.length; at += 6) {
      const code = applySetting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
      if (code !== undefined) return code;
    }
    const known = settled;
    settled = true;
    outlet.write(SETTINGS_ACK);
    return known ? bear() : undefined;
  }

  function applySetting(key: number, value: number): Fault {
    if (key === setting.enablePush && value > 1) return errorCode.protocol;
    if (key === setting.maxFrameSize && (value < MAX_FRAME || value > 2 ** 24 - 1)) return errorCode.protocol;
    if (key !== setting.initialWindowSize) return undefined;
    if (value > MAX_WINDOW) return errorCode.flowControl;
    const more = value - peerStreamWindow;
    peerStreamWindow = value;
    for (const stream of [...streams.values()]) if (!stream.widen(more)) return errorCode.flowControl;
  }

  function takePing(flags: number, streamId: number, payload: Buffer): Fault {
    if (streamId !== 0) return errorCode.protocol;
    if (payload.length !== 8) return errorCode.frameSize;
    if (flags & flag.ack) {
      owesPong = false;
      return undefined;
    }
    outlet.write(makeFrame(frameType.ping, flag.ack, 0, payload));
    return bear();
  }

  function takeWindowUpdate(streamId: number, payload: Buffer): Fault {
    if (payload.length !== 4) return errorCode.frameSize;
    const more = payload.readUInt32BE(0) & MAX_WINDOW;
    if (streamId > lastStreamId) return errorCode.protocol;
    if (streamId !== 0) {
      if (more === 0) return streamFault(streamId, errorCode.protocol);
      return streams.get(streamId)?.widen(more) === false ? streamFault(streamId, errorCode.flowControl) : undefined;
    }
    if (more === 0) return errorCode.protocol;
    outlet.window += more;
    if (outlet.window > MAX_WINDOW) return errorCode.flowControl;
    pumpAll();
    return undefined;
  }

  function pumpAll(): void {
    for (const stream of [...streams.values()]) stream.pump();
  }

  socket.on("data", receive);
  socket.on("drain", pumpAll);
  socket.on("error", () => {});
  socket.on("close", () => {
    close();
    options.closed();
  });

  return {
    ping() {
      if (owesPong) return true;
      owesPong = true;
      outlet.write(PING);
      return false;
    },
    retire() {
      if (retired || over) return;
      retired = true;
      outlet.write(makeFrame(frameType.goaway, 0, 0, words(lastStreamId, errorCode.none)));
      if (streams.size === 0) end();
    },
    destroy() {
      close();
      socket.destroy();
    },
  };
}
