import type { FrameReader } from "./frame-reader.ts";
import { errorCode, flag, unpad } from "./frames.ts";
import { HeaderDecoder, type Headers } from "./hpack.ts";

/** Bytes of an encoded header block, over all its frames. */
const MAX_BLOCK = 64 * 1024;

/** The headers of a stream, or that they are more than the server takes. */
export interface HeaderBlock {
  readonly streamId: number;
  /** True when the client sends nothing more on this stream. */
  readonly endStream: boolean;
  readonly headers: Headers | "tooLarge";
}

interface Fragments {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly parts: Buffer[];
  size: number;
}

/** Puts the header blocks of a connection together out of HEADERS and CONTINUATION frames, and decodes them. https://www.rfc-editor.org/rfc/rfc9113#section-4.3 */
export class HeaderBlocks {
  private readonly decoder = new HeaderDecoder();
  private open: Fragments | undefined = undefined;

  /** False for a frame that comes amid the header block of another. */
  allows({ streamId }: FrameReader, isContinuation: boolean): boolean {
    return this.open === undefined ? !isContinuation : isContinuation && streamId === this.open.streamId;
  }

  /** A HEADERS frame. Returns the block when it is whole, `undefined` when more of it is to come, or the error code that the connection must end with. */
  begin(frame: FrameReader): HeaderBlock | number | undefined {
    const { flags, streamId } = frame;
    let content = unpad(frame.payload(), flags);
    if (streamId % 2 === 0 || content === undefined) return errorCode.protocol;
    if (flags & flag.priority) {
      if (content.length < 5 || (content.readUInt32BE(0) & 0x7fffffff) === streamId) return errorCode.protocol;
      content = content.subarray(5);
    }
    const endStream = (flags & flag.endStream) !== 0;
    if (flags & flag.endHeaders) return this.decode(streamId, endStream, content);
    this.open = { streamId, endStream, parts: [content], size: content.length };
  }

  /** The CONTINUATION frame of the block that is open. Returns what `begin` does. */
  continue(frame: FrameReader): HeaderBlock | number | undefined {
    const { open } = this;
    if (open === undefined) return errorCode.protocol;
    open.parts.push(frame.payload());
    open.size += frame.length;
    if (open.size > MAX_BLOCK) return errorCode.enhanceYourCalm;
    if (!(frame.flags & flag.endHeaders)) return undefined;
    this.open = undefined;
    return this.decode(open.streamId, open.endStream, Buffer.concat(open.parts));
  }

  private decode(streamId: number, endStream: boolean, block: Buffer): HeaderBlock | number {
    const headers = this.decoder.decode(block);
    return headers === "malformed" ? errorCode.compression : { streamId, endStream, headers };
  }
}
