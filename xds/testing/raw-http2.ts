/** HTTP/2 frames for tests that send what a well-behaved client never does. https://www.rfc-editor.org/rfc/rfc9113#section-4.1 */
export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** https://www.rfc-editor.org/rfc/rfc9113#section-7 */
export const errorCode = {
  none: 0,
  protocol: 1,
  internal: 2,
  flowControl: 3,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const;

/** https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2 */
export const setting = { headerTableSize: 1, enablePush: 2, maxConcurrentStreams: 3, initialWindowSize: 4, maxFrameSize: 5 } as const;

export const FRAME_HEADER = 9;
/** The largest payload that either side takes unless it says otherwise. Weir never does. */
export const MAX_FRAME = 16_384;
export const MAX_WINDOW = 2 ** 31 - 1;
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Writes a frame's header into `target` at `at`. */
export function writeFrameHeader(target: Buffer, at: number, length: number, type: number, flags: number, streamId: number): void {
  target[at] = length >> 16;
  target[at + 1] = length >> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  target.writeUInt32BE(streamId, at + 5);
}

/** A frame that carries `payload`. */
export function makeFrame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER + payload.byteLength);
  writeFrameHeader(bytes, 0, payload.byteLength, type, flags, streamId);
  bytes.set(payload, FRAME_HEADER);
  return bytes;
}

/** The 32-bit numbers in order. */
export function words(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(4 * numbers.length);
  for (const [index, number] of numbers.entries()) bytes.writeUInt32BE(number, 4 * index);
  return bytes;
}

/** A SETTINGS frame. */
export function settingsFrame(settings: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  for (const [index, [key, value]] of settings.entries()) {
    payload.writeUInt16BE(key, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return makeFrame(frameType.settings, 0, 0, payload);
}

/** A header block: literals that no table remembers. https://www.rfc-editor.org/rfc/rfc7541#section-6.2.2 */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat(Object.entries(headers).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}
