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

/** Cuts the bytes of a call into gRPC messages: `push` bytes as they come, then call `next` until there is no message. */
export class MessageReader {
  /** Bytes that wait for the rest of their message. */
  buffered = 0;
  private readonly maxSize: number;
  private readonly pending: Buffer[] = [];

  /** `maxSize`: of a message, in bytes. At most that much and a prefix is ever buffered. */
  constructor(maxSize: number) {
    this.maxSize = maxSize;
  }

  push(bytes: Buffer): void {
    this.pending.push(bytes);
    this.buffered += bytes.length;
  }

  /** The next message; `undefined`: it has not come in full; a word: why there will be none. */
  next(): Buffer | "tooLarge" | "compressed" | undefined {
    if (this.buffered < PREFIX) return undefined;
    const head = this.joined(PREFIX);
    if (head[0] !== 0) return "compressed";
    const length = head.readUInt32BE(1);
    if (length > this.maxSize) return "tooLarge";
    const end = PREFIX + length;
    if (this.buffered < end) return undefined;
    const bytes = this.joined(end);
    this.buffered -= end;
    if (bytes.length > end) this.pending[0] = bytes.subarray(end);
    else this.pending.shift();
    return bytes.subarray(PREFIX, end);
  }

  /** The first piece, which has at least this many bytes afterwards. */
  private joined(length: number): Buffer {
    const [first] = this.pending;
    if (first !== undefined && first.length >= length) return first;
    const whole = Buffer.concat(this.pending.splice(0));
    this.pending.push(whole);
    return whole;
  }
}
