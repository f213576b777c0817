import { slice } from "../protobuf/wire.ts";
import { FRAME_HEADER, flag, frameType, MAX_FRAME, MAX_WINDOW, makeFrame, writeFrameHeader } from "./frames.ts";
import type { Message } from "./message.ts";
import type { Outlet } from "./outlet.ts";

/** Below this many bytes a message is copied beside its frame's header rather than handed over on its own. */
const SMALL = 4096;

/** What a stream has to send, held back by the windows of stream and connection. Messages are referred to, never copied, until they leave. */
export class Outbox {
  private readonly streamId: number;
  private readonly outlet: Outlet;
  private readonly opening: Buffer;
  private readonly queue: Message[] = [];
  /** Bytes of the first message that have left. */
  private offset = 0;
  private size = 0;
  private window: number;
  private opened = false;
  private trailers: Buffer | undefined;
  private finished = false;

  /** `opening`: the encoded headers that go before the first message. `window`: what the peer takes on this stream, in bytes. */
  constructor(streamId: number, outlet: Outlet, opening: Buffer, window: number) {
    this.streamId = streamId;
    this.outlet = outlet;
    this.opening = opening;
    this.window = window;
  }

  /** Bytes that wait for a window. */
  waiting(): number {
    return this.size;
  }

  /** True when the stream has ended on the way out. */
  ended(): boolean {
    return this.finished;
  }

  push(message: Message): void {
    this.queue.push(message);
    this.size += message.size;
    this.pump();
  }

  /** Ends the stream once everything before has left. `block`: encoded trailers. */
  finish(block: Buffer): void {
    this.trailers = block;
    this.pump();
  }

  /** The peer takes this much more (or less, when it changes its settings). False: more than any window may hold. */
  widen(bytes: number): boolean {
    this.window += bytes;
    return this.window <= MAX_WINDOW;
  }

  /** Sends what the windows allow. */
  pump(): void {
    if (this.finished || (this.size === 0 && this.trailers === undefined)) return;
    const { outlet, streamId } = this;
    const first = outlet.cork();
    if (!this.opened && this.size > 0) {
      outlet.write(makeFrame(frameType.headers, flag.endHeaders, streamId, this.opening));
      this.opened = true;
    }
    while (this.size > 0 && this.window > 0 && outlet.window > 0) if (!this.sendMessage()) this.sendFrame();
    if (this.trailers !== undefined && this.size === 0) {
      outlet.write(makeFrame(frameType.headers, flag.endHeaders | flag.endStream, streamId, this.trailers));
      this.finished = true;
    }
    if (first) outlet.uncork();
  }

  /** Sends the whole next message, if the windows allow it and other streams have sent it too. */
  private sendMessage(): boolean {
    const message = this.queue[0];
    if (message === undefined || this.offset > 0 || message.size > Math.min(this.window, this.outlet.window)) return false;
    const frames = sharedFrames(message, this.streamId);
    if (frames === undefined) return false;
    this.queue.shift();
    this.take(message.size);
    this.outlet.write(frames);
    return true;
  }

  private sendFrame(): void {
    const { outlet, offset, streamId } = this;
    const message = this.queue[0];
    if (message === undefined) return;
    const length = Math.min(message.size - offset, this.window, outlet.window, MAX_FRAME);
    const chunk = slice(message.parts, offset, offset + length);
    this.take(length);
    this.offset += length;
    if (this.offset === message.size) {
      this.queue.shift();
      this.offset = 0;
    }
    if (length <= SMALL) {
      outlet.write(makeFrame(frameType.data, 0, streamId, chunk));
      return;
    }
    const header = Buffer.allocUnsafe(FRAME_HEADER);
    writeFrameHeader(header, 0, length, frameType.data, 0, streamId);
    outlet.write(header);
    outlet.write(chunk);
  }

  /** These many bytes leave. */
  private take(length: number): void {
    this.size -= length;
    this.window -= length;
    this.outlet.window -= length;
  }
}

/**
 * Messages as DATA frames, for the stream number they were last sent on: almost every client has one stream, and it has the same
 * number everywhere, so that a message for a thousand of them is cut up once.
 */
const shared = new WeakMap<Message, { readonly streamId: number; frames: Buffer | undefined }>();

/** `undefined` for a message that was not sent on a stream of this number before. */
function sharedFrames(message: Message, streamId: number): Buffer | undefined {
  const known = shared.get(message);
  if (known?.streamId !== streamId) {
    shared.set(message, { streamId, frames: undefined });
    return undefined;
  }
  known.frames ??= cut(message, streamId);
  return known.frames;
}

/** The one copy of a message that is made for all of them. */
function cut({ parts, size }: Message, streamId: number): Buffer {
  const frames = Buffer.allocUnsafeSlow(size + Math.ceil(size / MAX_FRAME) * FRAME_HEADER);
  let at = 0;
  /** Bytes of the message that are in frames, and room that is left in the last of them. */
  let done = 0;
  let room = 0;
  for (const part of parts) {
    for (let from = 0; from < part.byteLength; ) {
      if (room === 0) {
        room = Math.min(MAX_FRAME, size - done);
        writeFrameHeader(frames, at, room, frameType.data, 0, streamId);
        at += FRAME_HEADER;
      }
      const length = Math.min(room, part.byteLength - from);
      frames.set(part.subarray(from, from + length), at);
      at += length;
      from += length;
      done += length;
      room -= length;
    }
  }
  return frames;
}
