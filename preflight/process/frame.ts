/**
 * What the operator and a prover say to each other: frames of a JSON header and bytes. They work over any stream of bytes, pipes and sockets alike.
 *
 *     u32 big-endian: bytes of the header | u32 big-endian: bytes of the body | header (JSON) | body
 */
export interface Frame {
  readonly header: unknown;
  readonly body: Buffer;
}

/** The most that one side takes from the other in one frame, in bytes. */
export interface FrameLimits {
  readonly header: number;
  readonly body: number;
}

const PREFIX = 8;

/** Everything before the body. */
export function encodeHead(header: unknown, bodySize = 0): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(PREFIX);
  prefix.writeUInt32BE(text.length, 0);
  prefix.writeUInt32BE(bodySize, 4);
  return Buffer.concat([prefix, text]);
}

/**
 * Takes bytes as they come and calls `onFrame` for each whole frame. Throws when a frame is over the limits or its header is not JSON: the other
 * side is not to be listened to any longer. Keeps no more than one frame.
 */
export function createFrameReader(limits: FrameLimits, onFrame: (frame: Frame) => void): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let held = 0;
  let wanted = PREFIX;
  let sizes: FrameLimits | undefined;
  const take = (): Buffer => {
    const all = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    const rest = all.subarray(wanted);
    chunks = rest.length === 0 ? [] : [rest];
    held = rest.length;
    return all.subarray(0, wanted);
  };
  return (chunk) => {
    chunks.push(chunk);
    held += chunk.length;
    while (held >= wanted) {
      const bytes = take();
      if (sizes === undefined) {
        sizes = { header: bytes.readUInt32BE(0), body: bytes.readUInt32BE(4) };
        if (sizes.header > limits.header || sizes.body > limits.body) throw new RangeError("a frame is over its limits");
        wanted = sizes.header + sizes.body;
        continue;
      }
      const header: unknown = JSON.parse(bytes.toString("utf8", 0, sizes.header));
      const body = bytes.subarray(sizes.header);
      [sizes, wanted] = [undefined, PREFIX];
      onFrame({ header, body });
    }
  };
}
