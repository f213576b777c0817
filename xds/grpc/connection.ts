import type { Socket } from "node:net";
import type { Method } from "./call.ts";
import { FrameReader } from "./frame-reader.ts";
import { errorCode, flag, frameType, MAX_FRAME, MAX_WINDOW, makeFrame, setting, settingsFrame, unpad, words } from "./frames.ts";
import { type HeaderBlock, HeaderBlocks } from "./header-blocks.ts";
import { Outlet } from "./outlet.ts";
import { Patience } from "./patience.ts";
import { isRequest } from "./request.ts";
import { ServerStream, type StreamOwner } from "./server-stream.ts";

/** What the connections of a server share. */
export interface ConnectionOwner {
  readonly methods: ReadonlyMap<string, Method>;
  /** Bytes of a message. */
  readonly maxRequestSize: number;
  /** Told when the client is refused, and why. */
  refused(connection: Connection, why: string): void;
  /** Told when the connection is gone. */
  closed(connection: Connection): void;
}

const DEFAULT_WINDOW = 65_535;
/** What a client may send on a stream, and on all of them, before it is told that it may send more. */
const STREAM_WINDOW = 256 * 1024;
const CONNECTION_WINDOW = 1024 * 1024;
const MAX_CONCURRENT_CALLS = 1_000;
/** Calls that a client may break off, and frames that oblige the server to answer or do nothing: this many at once, then this many a second. */
const NUISANCE_BURST = 1_000;
const NUISANCE_RATE = 33;
/** Bytes that may wait for a peer that takes nothing, before it counts as a nuisance to answer it. */
const MAX_REPLY_BACKLOG = 4 * 1024 * 1024;
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

/** The server's end of an HTTP/2 connection that carries gRPC calls. https://www.rfc-editor.org/rfc/rfc9113 */
export class Connection implements StreamOwner {
  readonly socket: Socket;
  readonly outlet: Outlet;
  private readonly owner: ConnectionOwner;
  private readonly reader = new FrameReader();
  private readonly blocks = new HeaderBlocks();
  private readonly patience = new Patience(NUISANCE_BURST, NUISANCE_RATE);
  private readonly streams = new Map<number, ServerStream>();
  /** True once its client has sent its preface, and its settings. */
  private greeted = false;
  private settled = false;
  private over = false;
  private retired = false;
  private owesPong = false;
  private lastStreamId = 0;
  private receiveWindow = CONNECTION_WINDOW;
  private peerStreamWindow = DEFAULT_WINDOW;

  constructor(socket: Socket, owner: ConnectionOwner) {
    this.socket = socket;
    this.owner = owner;
    this.outlet = new Outlet(socket, DEFAULT_WINDOW);
    socket.on("data", (bytes: Buffer) => this.receive(bytes));
    socket.on("drain", () => this.pumpAll());
    socket.on("error", () => {});
    socket.on("close", () => {
      this.close();
      owner.closed(this);
    });
  }

  /** Asks the peer for a sign of life. True: it owes one since the last time. */
  ping(): boolean {
    if (this.owesPong) return true;
    this.owesPong = true;
    this.outlet.write(PING);
    return false;
  }

  /** Takes no new calls; the connection closes when those that are open have ended. */
  retire(): void {
    if (this.retired || this.over) return;
    this.retired = true;
    this.outlet.write(makeFrame(frameType.goaway, 0, 0, words(this.lastStreamId, errorCode.none)));
    if (this.streams.size === 0) this.end();
  }

  destroy(): void {
    this.close();
    this.socket.destroy();
  }

  get maxRequestSize(): number {
    return this.owner.maxRequestSize;
  }

  refused(why: string): void {
    this.owner.refused(this, why);
  }

  reset(streamId: number, code: number): void {
    this.outlet.write(makeFrame(frameType.rstStream, 0, streamId, words(code)));
    this.finished(streamId);
  }

  finished(streamId: number): void {
    const stream = this.streams.get(streamId);
    this.streams.delete(streamId);
    stream?.closed();
    if (this.retired && this.streams.size === 0) this.end();
  }

  private end(): void {
    this.outlet.uncork();
    this.socket.end();
  }

  /** The peer broke the protocol: it is told how, and the connection ends. https://www.rfc-editor.org/rfc/rfc9113#section-5.4.1 */
  private fault(code: number, why: string): void {
    if (this.over) return;
    this.refused(why);
    this.outlet.write(makeFrame(frameType.goaway, 0, 0, words(this.lastStreamId, code)));
    this.outlet.uncork();
    this.close();
    this.socket.destroySoon();
  }

  private close(): void {
    if (this.over) return;
    this.over = true;
    this.outlet.close();
    for (const stream of this.streams.values()) stream.closed();
    this.streams.clear();
  }

  /** What costs the server more than the client is borne with, up to a point. */
  private bear(): Fault {
    return this.patience.take(Date.now()) && this.outlet.backlog() < MAX_REPLY_BACKLOG ? undefined : errorCode.enhanceYourCalm;
  }

  /** What is said while one batch of bytes is taken in leaves together. */
  private receive(bytes: Buffer): void {
    if (this.over) return;
    this.reader.push(bytes);
    this.outlet.cork();
    const greeted = this.greeted || this.greet();
    if (greeted) this.takeFrames();
    this.outlet.uncork();
  }

  /** True when these are the first bytes of an HTTP/2 client, and in full. */
  private greet(): boolean {
    const whole = this.reader.preface();
    if (whole === false) this.fault(errorCode.protocol, "it does not speak HTTP/2");
    if (!whole) return false;
    this.greeted = true;
    this.outlet.write(HELLO);
    return true;
  }

  private takeFrames(): void {
    const { reader } = this;
    for (let more = reader.next(); more !== false && !this.over; more = reader.next()) {
      const code = more === "tooLarge" ? errorCode.frameSize : this.takeFrame(reader);
      if (code !== undefined) this.fault(code, `it broke HTTP/2 (error ${code})`);
    }
  }

  private takeFrame(frame: FrameReader): Fault {
    const { type } = frame;
    if (!this.settled && (type !== frameType.settings || frame.flags & flag.ack)) return errorCode.protocol;
    if (!this.blocks.allows(frame, type === frameType.continuation)) return errorCode.protocol;
    switch (type) {
      case frameType.data:
        return this.takeData(frame);
      case frameType.headers:
        return this.takeHeaders(frame);
      case frameType.priority:
        return this.takePriority(frame);
      case frameType.rstStream:
        return this.takeReset(frame);
      case frameType.settings:
        return this.takeSettings(frame);
      case frameType.pushPromise:
        return errorCode.protocol;
      case frameType.ping:
        return this.takePing(frame);
      case frameType.goaway:
        return frame.streamId === 0 ? undefined : errorCode.protocol;
      case frameType.windowUpdate:
        return this.takeWindowUpdate(frame);
      case frameType.continuation:
        return this.takeContinuation(frame);
    }
  }

  private takeData(frame: FrameReader): Fault {
    const { streamId, flags, length } = frame;
    if (streamId === 0 || streamId > this.lastStreamId) return errorCode.protocol;
    this.receiveWindow -= length;
    if (this.receiveWindow < 0) return errorCode.flowControl;
    if (this.receiveWindow < CONNECTION_WINDOW / 2) {
      this.outlet.write(makeFrame(frameType.windowUpdate, 0, 0, words(CONNECTION_WINDOW - this.receiveWindow)));
      this.receiveWindow = CONNECTION_WINDOW;
    }
    const content = unpad(frame.payload(), flags);
    if (content === undefined) return errorCode.protocol;
    if (content.length === 0 && !(flags & flag.endStream) && this.bear() !== undefined) return errorCode.enhanceYourCalm;
    const stream = this.streams.get(streamId);
    if (stream === undefined || stream.remoteClosed) return this.streamFault(streamId, errorCode.streamClosed);
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) return this.streamFault(streamId, errorCode.flowControl);
    stream.receive(content);
    if (flags & flag.endStream) stream.halfClose();
    else if (stream.receiveWindow < STREAM_WINDOW / 2 && this.streams.has(streamId)) {
      this.outlet.write(makeFrame(frameType.windowUpdate, 0, streamId, words(STREAM_WINDOW - stream.receiveWindow)));
      stream.receiveWindow = STREAM_WINDOW;
    }
  }

  /** The peer broke the protocol on one stream: that one ends. */
  private streamFault(streamId: number, code: number): Fault {
    this.reset(streamId, code);
    return this.bear();
  }

  private takeHeaders(frame: FrameReader): Fault {
    return this.takeBlock(this.blocks.begin(frame));
  }

  private takeContinuation(frame: FrameReader): Fault {
    if (frame.length === 0 && this.bear() !== undefined) return errorCode.enhanceYourCalm;
    return this.takeBlock(this.blocks.continue(frame));
  }

  private takeBlock(block: HeaderBlock | number | undefined): Fault {
    if (typeof block !== "object") return block;
    const { streamId, endStream, headers } = block;
    const stream = this.streams.get(streamId);
    if (stream !== undefined) return this.takeTrailers(stream, block);
    if (streamId <= this.lastStreamId) return errorCode.streamClosed;
    this.lastStreamId = streamId;
    if (headers === "tooLarge") return this.streamFault(streamId, errorCode.enhanceYourCalm);
    if (!isRequest(headers)) return this.streamFault(streamId, errorCode.protocol);
    if (this.retired || this.streams.size >= MAX_CONCURRENT_CALLS) return this.streamFault(streamId, errorCode.refusedStream);
    const opened = new ServerStream(streamId, headers, this, this.peerStreamWindow, STREAM_WINDOW);
    this.streams.set(streamId, opened);
    opened.start(this.owner.methods.get(headers.get(":path") ?? ""), endStream);
  }

  /** Trailers of a request end it, and hold nothing of use. */
  private takeTrailers(stream: ServerStream, { streamId, endStream, headers }: HeaderBlock): Fault {
    if (stream.remoteClosed) return this.streamFault(streamId, errorCode.streamClosed);
    if (!endStream || headers === "tooLarge" || [...headers.keys()].some((name) => name.startsWith(":"))) {
      return this.streamFault(streamId, errorCode.protocol);
    }
    stream.halfClose();
  }

  private takePriority(frame: FrameReader): Fault {
    const { streamId } = frame;
    if (streamId === 0) return errorCode.protocol;
    if (frame.length !== 5) return this.streamFault(streamId, errorCode.frameSize);
    if ((frame.uint32(0) & 0x7fffffff) === streamId) return this.streamFault(streamId, errorCode.protocol);
    return this.bear();
  }

  private takeReset({ length, streamId }: FrameReader): Fault {
    if (length !== 4) return errorCode.frameSize;
    if (streamId === 0 || streamId > this.lastStreamId) return errorCode.protocol;
    this.finished(streamId);
    return this.bear();
  }

  private takeSettings(frame: FrameReader): Fault {
    const isAck = (frame.flags & flag.ack) !== 0;
    if (frame.streamId !== 0) return errorCode.protocol;
    if (frame.length % 6 !== 0 || (isAck && frame.length > 0)) return errorCode.frameSize;
    if (isAck) return undefined;
    for (let at = 0; at < frame.length; at += 6) {
      const code = this.applySetting(frame.uint16(at), frame.uint32(at + 2));
      if (code !== undefined) return code;
    }
    const known = this.settled;
    this.settled = true;
    this.outlet.write(SETTINGS_ACK);
    // Not before: a client takes more than its old windows allow only once its new ones are acknowledged.
    this.pumpAll();
    return known ? this.bear() : undefined;
  }

  private applySetting(key: number, value: number): Fault {
    if (key === setting.enablePush && value > 1) return errorCode.protocol;
    if (key === setting.maxFrameSize && (value < MAX_FRAME || value > 2 ** 24 - 1)) return errorCode.protocol;
    if (key !== setting.initialWindowSize) return undefined;
    if (value > MAX_WINDOW) return errorCode.flowControl;
    const more = value - this.peerStreamWindow;
    this.peerStreamWindow = value;
    for (const stream of [...this.streams.values()]) if (!stream.widen(more)) return errorCode.flowControl;
  }

  private takePing(frame: FrameReader): Fault {
    if (frame.streamId !== 0) return errorCode.protocol;
    if (frame.length !== 8) return errorCode.frameSize;
    if (frame.flags & flag.ack) {
      this.owesPong = false;
      return undefined;
    }
    this.outlet.write(makeFrame(frameType.ping, flag.ack, 0, frame.payload()));
    return this.bear();
  }

  private takeWindowUpdate(frame: FrameReader): Fault {
    const { streamId } = frame;
    if (frame.length !== 4) return errorCode.frameSize;
    const more = frame.uint32(0) & MAX_WINDOW;
    if (streamId > this.lastStreamId) return errorCode.protocol;
    if (streamId !== 0) {
      if (more === 0) return this.streamFault(streamId, errorCode.protocol);
      const stream = this.streams.get(streamId);
      if (stream?.widen(more) === false) return this.streamFault(streamId, errorCode.flowControl);
      stream?.pump();
      return undefined;
    }
    if (more === 0) return errorCode.protocol;
    this.outlet.window += more;
    if (this.outlet.window > MAX_WINDOW) return errorCode.flowControl;
    this.pumpAll();
    return undefined;
  }

  private pumpAll(): void {
    for (const stream of this.streams.values()) stream.pump();
  }
}
