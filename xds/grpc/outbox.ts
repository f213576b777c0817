import type { ServerHttp2Stream } from "node:http2";

/** Bytes waiting for the client at which it is full. */
const HIGH_WATER = 32 * 1024;

/** What a call sends, in pieces. HTTP/2 is given more when the client has taken what it was given. */
export class Outbox {
  private readonly stream: ServerHttp2Stream;
  private readonly pieceSize: number;
  private readonly drained: () => void;
  /** Pieces that HTTP/2 was not given yet. */
  private readonly queue: Buffer[] = [];
  private finished = false;
  private held = false;
  private wake: (() => void) | undefined = undefined;
  /** A piece has left this process. One function for all of them. */
  private readonly written = (): void => {
    if (this.stream.destroyed) return;
    this.pump();
    if (this.isEmpty) this.wake?.();
    if (!this.held || this.isFull) return;
    this.held = false;
    this.drained();
  };

  /** `pieceSize`: bytes of a message that are handed to HTTP/2 at once. `drained` is called when there is room after `add` said that there is none. */
  constructor(stream: ServerHttp2Stream, pieceSize: number, drained: () => void) {
    this.stream = stream;
    this.pieceSize = pieceSize;
    this.drained = drained;
  }

  /** True when all of it has left this process. */
  get isEmpty(): boolean {
    return this.queue.length === 0 && this.stream.writableLength === 0;
  }

  /** False: it is full now. */
  add(message: Buffer): boolean {
    const { pieceSize } = this;
    for (let at = 0; at < message.length; at += pieceSize) this.queue.push(message.subarray(at, at + pieceSize));
    this.pump();
    this.held = this.isFull;
    return !this.held;
  }

  /** Resolves when it is empty, or cleared. */
  emptied(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  /** Nothing is added any more: the stream ends after what is in it. */
  finish(): void {
    this.finished = true;
    this.pump();
  }

  /** The stream is gone. */
  clear(): void {
    this.queue.length = 0;
    this.wake?.();
  }

  private get isFull(): boolean {
    return this.queue.length > 0 || this.stream.writableLength >= HIGH_WATER;
  }

  private pump(): void {
    const { queue, stream } = this;
    while (stream.writableLength < HIGH_WATER) {
      const piece = queue.shift();
      if (piece === undefined) break;
      stream.write(piece, this.written);
    }
    if (this.finished && queue.length === 0 && !stream.writableEnded) stream.end();
  }
}
