import type { Rope } from "../resources/wire.ts";

/** A message's length prefix. https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#requests */
const PREFIX = 5;

/** A message as it goes on the wire, uncompressed. */
export function frame(message: Rope): Buffer {
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32BE(
    message.reduce((sum, part) => sum + part.byteLength, 0),
    1,
  );
  return Buffer.concat([prefix, ...message]);
}

/** Cuts a stream of bytes into messages. */
export interface Unframer {
  /** The messages that these bytes complete, or why they are none. */
  push(bytes: Buffer): { readonly messages: readonly Buffer[]; readonly problem?: "tooLarge" | "compressed" };
}

/** `maxSize`: of a message, in bytes. At most that much and a prefix is ever buffered. */
export function createUnframer(maxSize: number): Unframer {
  let pending: Buffer[] = [];
  let size = 0;

  return {
    push(bytes) {
      pending.push(bytes);
      size += bytes.length;
      const messages: Buffer[] = [];
      while (size >= PREFIX) {
        const [first = bytes] = pending;
        const head = first.length >= PREFIX ? first : Buffer.concat(pending);
        if (head !== first) pending = [head];
        if (head[0] !== 0) return { messages, problem: "compressed" };
        const length = head.readUInt32BE(1);
        if (length > maxSize) return { messages, problem: "tooLarge" };
        if (size < PREFIX + length) break;
        const whole = pending.length === 1 ? head : Buffer.concat(pending);
        messages.push(whole.subarray(PREFIX, PREFIX + length));
        size -= PREFIX + length;
        pending = size > 0 ? [whole.subarray(PREFIX + length)] : [];
      }
      return { messages };
    },
  };
}
