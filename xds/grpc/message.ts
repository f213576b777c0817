import { byteLength, type Rope } from "../protobuf/wire.ts";

/** Bytes of a message's length prefix. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests */
const PREFIX = 5;

/** A message as it goes on the wire: length prefix, then the message, uncompressed. All streams that send it share these bytes: do not write to them. */
export type Message = Buffer;

/** Puts the length prefix before an encoded message. This is the one copy that a push makes. */
export function frame(message: Rope): Message {
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32BE(byteLength(message), 1);
  return Buffer.concat([prefix, ...message]);
}

const NOTHING = Buffer.alloc(0);

/**
 * Cuts the bytes of a call into gRPC messages: `push` bytes as they come, call `next` until there is no message, then `keep`. What stays is copied into one
 * buffer that grows: bytes that come one by one must not cost an object each, nor hold on to the larger buffer that they came in.
 */
export class MessageReader {
  /** Bytes that were not given out yet. */
  buffered = 0;
  /** Of a message, in bytes. */
  readonly maxSize: number;
  private bytes: Buffer = NOTHING;
  /** Where the bytes that were not given out begin. */
  private at = 0;
  private isOwn = false;

  constructor(maxSize: number) {
    this.maxSize = maxSize;
  }

  /** Bytes of memory that are held between two turns of the event loop. */
  get held(): number {
    return this.isOwn ? this.bytes.length : 0;
  }

  /** True when `next` would return something. */
  get isReady(): boolean {
    return this.buffered >= PREFIX && this.verdict() !== undefined;
  }

  push(bytes: Buffer): void {
    if (this.buffered > 0) {
      this.own(bytes.length);
      bytes.copy(this.bytes, this.at + this.buffered);
    } else {
      this.bytes = bytes;
      this.at = 0;
      this.isOwn = false;
    }
    this.buffered += bytes.length;
  }

  /**
   * The next message; `undefined`: it has not come in full; a word: why there will be none. The bytes are good until the next `push`.
   */
  next(): Buffer | "tooLarge" | "compressed" | undefined {
    const length = this.verdict();
    if (typeof length !== "number") return length;
    const start = this.at + PREFIX;
    this.at = start + length;
    this.buffered -= PREFIX + length;
    const message = this.bytes.subarray(start, this.at);
    if (this.buffered === 0) this.clear();
    return message;
  }

  /** Copies what is left out of the buffer that it came in. */
  keep(): void {
    if (this.buffered > 0) this.own(0);
  }

  clear(): void {
    this.buffered = 0;
    this.bytes = NOTHING;
    this.isOwn = false;
  }

  /** Length of the next message, if it came in full. */
  private verdict(): number | "tooLarge" | "compressed" | undefined {
    const { at, bytes, buffered } = this;
    if (buffered < PREFIX) return undefined;
    if (bytes[at] !== 0) return "compressed";
    const length = bytes.readUInt32BE(at + 1);
    if (length > this.maxSize) return "tooLarge";
    return buffered < PREFIX + length ? undefined : length;
  }

  /** Makes room for so many bytes more in a buffer of its own. What is copied is at most a few times what came. */
  private own(more: number): void {
    const { at, bytes, buffered } = this;
    const needed = buffered + more;
    if (this.isOwn && at + needed <= bytes.length) return;
    if (this.isOwn && needed <= bytes.length && at >= buffered) bytes.copyWithin(0, at, at + buffered);
    else {
      // No larger than the message, where that is known.
      const whole = buffered < PREFIX ? needed : PREFIX + bytes.readUInt32BE(at + 1);
      const size = Math.max(needed, Math.min(2 * needed, whole));
      this.bytes = Buffer.allocUnsafeSlow(size);
      bytes.copy(this.bytes, 0, at, at + buffered);
      this.isOwn = true;
    }
    this.at = 0;
  }
}
