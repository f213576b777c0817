import {
  proxy_add_header_map_value,
  proxy_get_header_map_pairs,
  proxy_get_header_map_size,
  proxy_get_header_map_value,
  proxy_remove_header_map_value,
  proxy_replace_header_map_value,
  proxy_set_header_map_pairs,
} from "./abi/imports";
import { at, CELL, SIZE, takeBytes, takeText } from "./abi/memory";
import { encodePairs, Header, takePairs } from "./abi/pairs";
import { MapType, Status } from "./abi/types";
import { utf8 } from "./abi/utf8";

/**
 * Headers, trailers or metadata, in the proxy: each call reads or changes the real thing. A map can be used in its own callback (request headers in
 * `onRequestHeaders`) and while that paused the stream; elsewhere it reads as empty and a change gives BadArgument.
 * Names are lower case; `:method`, `:path`, `:authority` and `:status` are there too.
 * https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#http-fields
 */
// @ts-ignore: decorator
@unmanaged
export class Headers {
  /** The map's number stands where others have an address, moved by one so that none is null: a Headers takes no memory. */
  static of(map: MapType): Headers {
    return changetype<Headers>(<usize>map + 1);
  }

  /** The value of this name, the first of several (`entries` has all). Null: there is none. `proxy_get_header_map_value` */
  get(name: string): string | null {
    return this.find(name) ? takeText() : null;
  }

  /** As `get`, for values that need not be UTF-8. */
  getBytes(name: string): ArrayBuffer | null {
    return this.find(name) ? takeBytes() : null;
  }

  /** Whether there is one of this name. */
  has(name: string): bool {
    return this.get(name) !== null;
  }

  /** All of them, in order. `proxy_get_header_map_pairs` */
  entries(): Header[] {
    return proxy_get_header_map_pairs(this.map(), CELL, SIZE) == Status.Ok ? takePairs() : [];
  }

  /** Bytes of all names and values. `proxy_get_header_map_size` */
  byteSize(): u32 {
    return proxy_get_header_map_size(this.map(), CELL) == Status.Ok ? load<u32>(CELL) : 0;
  }

  /** One more of this name, beside those that are there. `proxy_add_header_map_value` */
  add(name: string, value: string): Status {
    const key = utf8(name);
    const text = utf8(value);
    return proxy_add_header_map_value(this.map(), at(key), key.byteLength, at(text), text.byteLength);
  }

  /** This one in the place of all of its name. `proxy_replace_header_map_value` */
  set(name: string, value: string): Status {
    const key = utf8(name);
    const text = utf8(value);
    return proxy_replace_header_map_value(this.map(), at(key), key.byteLength, at(text), text.byteLength);
  }

  /** None of this name. `proxy_remove_header_map_value` */
  remove(name: string): Status {
    const key = utf8(name);
    return proxy_remove_header_map_value(this.map(), at(key), key.byteLength);
  }

  /** These in the place of all. `proxy_set_header_map_pairs` */
  setAll(headers: Header[]): Status {
    const pairs = encodePairs(headers);
    return proxy_set_header_map_pairs(this.map(), at(pairs), pairs.byteLength);
  }

  private map(): MapType {
    return <MapType>(changetype<usize>(this) - 1);
  }

  private find(name: string): bool {
    const key = utf8(name);
    return proxy_get_header_map_value(this.map(), at(key), key.byteLength, CELL, SIZE) == Status.Ok;
  }
}
