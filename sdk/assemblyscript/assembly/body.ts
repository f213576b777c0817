import { proxy_get_buffer_bytes, proxy_get_buffer_status, proxy_set_buffer_bytes } from "./abi/imports";
import { at, CELL, SIZE, THIRD, takeBytes, takeText } from "./abi/memory";
import { BufferType, Status } from "./abi/types";
import { utf8 } from "./abi/utf8";

const ALL: usize = 0x7fffffff;

/**
 * Bytes that the proxy has: a body's, or an answer's. In a body's callback it is what came since the last one, or all since a callback that gave `Action.Pause`.
 * To see a body whole: pause until `endOfStream`, or until the trailers' callback, as with trailers no callback of the body is its last.
 * https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#buffers
 */
// @ts-ignore: decorator
@unmanaged
export class Body {
  /** As a Headers, a Body is a number and takes no memory. */
  static of(buffer: BufferType): Body {
    return changetype<Body>(<usize>buffer + 1);
  }

  /** Bytes in it now. `proxy_get_buffer_status` */
  size(): u32 {
    return proxy_get_buffer_status(this.buffer(), CELL, THIRD) == Status.Ok ? load<u32>(CELL) : 0;
  }

  /** A copy of so many bytes from `start` on; fewer where there are fewer. `proxy_get_buffer_bytes` */
  bytes(start: u32 = 0, max: u32 = 0x7fffffff): ArrayBuffer {
    return this.read(start, max) ? takeBytes() : new ArrayBuffer(0);
  }

  /** The same as text. A character whose bytes are cut in two is lost: read bodies whole. */
  text(start: u32 = 0, max: u32 = 0x7fffffff): string {
    return this.read(start, max) ? takeText() : "";
  }

  /** This in the place of all (`proxy_set_buffer_bytes`). Where `content-length` is there, remove it in the headers' callback. */
  set(bytes: ArrayBuffer): Status {
    return this.put(0, ALL, bytes);
  }

  /** As `set`, in UTF-8. */
  setText(text: string): Status {
    return this.set(utf8(text));
  }

  /** Envoy takes bytes in front, behind, or in the place of all; for the rest, read, change and `set`. */
  prepend(bytes: ArrayBuffer): Status {
    return this.put(0, 0, bytes);
  }

  /** More behind. */
  append(bytes: ArrayBuffer): Status {
    const size = this.size();
    return size == 0 ? this.set(bytes) : this.put(size, 0, bytes);
  }

  private put(start: usize, length: usize, bytes: ArrayBuffer): Status {
    return proxy_set_buffer_bytes(this.buffer(), start, length, at(bytes), bytes.byteLength);
  }

  private buffer(): BufferType {
    return <BufferType>(changetype<usize>(this) - 1);
  }

  private read(start: u32, max: u32): bool {
    store<u32>(SIZE, 0);
    return proxy_get_buffer_bytes(this.buffer(), start, max, CELL, SIZE) == Status.Ok;
  }
}
