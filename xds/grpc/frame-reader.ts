import { FRAME_HEADER, MAX_FRAME, PREFACE } from "./frames.ts";

const NOTHING = Buffer.alloc(0);

/**
 * Cuts what an HTTP/2 client sends into frames: `push` bytes as they come, check the `preface`, then call `next` until there is no frame. Between two
 * calls the reader stands on one frame, and its fields and methods are about that one. https://www.rfc-editor.org/rfc/rfc9113#section-4.1
 */
export class FrameReader {
  type = 0;
  flags = 0;
  streamId = 0;
  /** Bytes of the payload. */
  length = 0;
  private input: Buffer = NOTHING;
  /** Where the next frame begins, and the payload of this one. */
  private at = 0;
  private start = 0;
  private greeted = false;

  push(bytes: Buffer): void {
    this.input = this.input.length === 0 ? bytes : Buffer.concat([this.input, bytes]);
  }

  /** `undefined`: it has not come in full. False: this is no HTTP/2 client. */
  preface(): boolean | undefined {
    if (this.greeted) return true;
    const length = Math.min(this.input.length, PREFACE.length);
    if (this.input.compare(PREFACE, 0, length, 0, length) !== 0) return false;
    if (length < PREFACE.length) return undefined;
    this.greeted = true;
    this.at = length;
    return true;
  }

  /** Goes on to the next frame. False: there is none in full. `tooLarge`: there is one that goes beyond the bound that both sides keep to. */
  next(): boolean | "tooLarge" {
    const { input, at } = this;
    if (input.length - at >= FRAME_HEADER) {
      this.length = ((input[at] ?? 0) << 16) | ((input[at + 1] ?? 0) << 8) | (input[at + 2] ?? 0);
      if (this.length > MAX_FRAME) return "tooLarge";
      this.start = at + FRAME_HEADER;
      const end = this.start + this.length;
      if (end <= input.length) {
        this.type = input[at + 3] ?? 0;
        this.flags = input[at + 4] ?? 0;
        this.streamId = input.readUInt32BE(at + 5) & 0x7fffffff;
        this.at = end;
        return true;
      }
    }
    // What is left is copied: it would keep all that came with it in memory.
    this.input = at < input.length ? Buffer.from(input.subarray(at)) : NOTHING;
    this.at = 0;
    return false;
  }

  /** The number of 16 bits at this offset of the payload. */
  uint16(offset: number): number {
    return this.input.readUInt16BE(this.start + offset);
  }

  /** The number of 32 bits at this offset of the payload. */
  uint32(offset: number): number {
    return this.input.readUInt32BE(this.start + offset);
  }

  /** Shares memory with what came with it. */
  payload(): Buffer {
    return this.input.subarray(this.start, this.start + this.length);
  }
}
