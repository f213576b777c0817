import { FRAME_HEADER, flag, frameType, MAX_FRAME, makeFrame, writeFrameHeader } from "./frames.ts";

/** What the streams of a connection share on the way out. */
export interface Outlet {
  /** How much data the peer takes on the whole connection, in bytes. Streams take from it what they send. */
  window: number;
  /** Bytes handed over that have not left this process. */
  backlog(): number;
  /** Hands bytes over in one go. They must not change afterwards. */
  write(...parts: readonly Uint8Array[]): void;
}

/** What a stream has to send, held back by the windows of stream and connection. Messages are referred to, never copied, until they leave. */
export interface Outbox {
  push(message: Uint8Array): void;
  /** Ends the stream once everything before has left. `block`: encoded trailers. */
  finish(block: Buffer): void;
  /** The peer takes this much more (or less, when it changes its settings). False: more than any window may hold. */
  widen(bytes: number): boolean;
  /** Sends what the windows allow. */
  pump(): void;
  /** Bytes that wait for a window. */
  waiting(): number;
  /** True when the stream has ended on the way out. */
  ended(): boolean;
}

/**
 * Messages as DATA frames, for the stream number they were last sent on: almost every client has one stream, and it has the same
 * number everywhere, so that a message for a thousand of them is cut up once.
 */
const shared = new WeakMap<Uint8Array, { readonly streamId: number; frames: Buffer | undefined }>();

/** `undefined` for a message that was not sent on a stream of this number before. */
function sharedFrames(message: Uint8Array, streamId: number): Buffer | undefined {
  const known = shared.get(message);
  if (known?.streamId !== streamId) {
    shared.set(message, { streamId, frames: undefined });
    return undefined;
  }
  known.frames ??= cut(message, streamId);
  return known.frames;
}

function cut(message: Uint8Array, streamId: number): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < message.byteLength; at += MAX_FRAME) {
    frames.push(makeFrame(frameType.data, 0, streamId, message.subarray(at, at + MAX_FRAME)));
  }
  return Buffer.concat(frames);
}

/** Below this many bytes a message is copied beside its frame's header rather than handed over on its own. */
const SMALL = 4096;
const MAX_WINDOW = 2 ** 31 - 1;

/** `opening`: the encoded headers that go before the first message. */
export function createOutbox(streamId: number, outlet: Outlet, opening: Buffer, initialWindow: number): Outbox {
  const queue: Uint8Array[] = [];
  /** Bytes of the first message that have left. */
  let offset = 0;
  let waiting = 0;
  let window = initialWindow;
  let opened = false;
  let trailers: Buffer | undefined;
  let ended = false;

  function pump(): void {
    if (ended) return;
    const parts: Uint8Array[] = [];
    if (!opened && queue.length > 0) {
      parts.push(makeFrame(frameType.headers, flag.endHeaders, streamId, opening));
      opened = true;
    }
    while (waiting > 0 && window > 0 && outlet.window > 0) parts.push(...(nextMessage() ?? nextFrame()));
    if (trailers !== undefined && waiting === 0) {
      parts.push(makeFrame(frameType.headers, flag.endHeaders | flag.endStream, streamId, trailers));
      ended = true;
    }
    if (parts.length > 0) outlet.write(...parts);
  }

  /** The whole next message, if the windows allow it and other streams have sent it too. */
  function nextMessage(): Uint8Array[] | undefined {
    const [message] = queue;
    if (message === undefined || offset > 0 || message.byteLength > Math.min(window, outlet.window)) return undefined;
    const frames = sharedFrames(message, streamId);
    if (frames === undefined) return undefined;
    queue.shift();
    leave(message.byteLength);
    return [frames];
  }

  function leave(length: number): void {
    waiting -= length;
    window -= length;
    outlet.window -= length;
  }

  function nextFrame(): Uint8Array[] {
    const [message = new Uint8Array()] = queue;
    const length = Math.min(message.byteLength - offset, window, outlet.window, MAX_FRAME);
    const chunk = message.subarray(offset, offset + length);
    offset += length;
    leave(length);
    if (offset === message.byteLength) {
      queue.shift();
      offset = 0;
    }
    if (length <= SMALL) return [makeFrame(frameType.data, 0, streamId, chunk)];
    const header = Buffer.allocUnsafe(FRAME_HEADER);
    writeFrameHeader(header, 0, length, frameType.data, 0, streamId);
    return [header, chunk];
  }

  return {
    push(message) {
      queue.push(message);
      waiting += message.byteLength;
      pump();
    },
    finish(block) {
      trailers = block;
      pump();
    },
    widen(bytes) {
      window += bytes;
      return window <= MAX_WINDOW;
    },
    pump,
    waiting: () => waiting,
    ended: () => ended,
  };
}
