import { proxy_get_property, proxy_set_property } from "./abi/imports";
import { at, CELL, SIZE, takeBytes, takeText } from "./abi/memory";
import { Status } from "./abi/types";
import { utf8 } from "./abi/utf8";

/**
 * Attributes of the request, the connection, the upstream and the plugin, by path: `["request", "path"]`, `["source", "address"]`, `["plugin_name"]`.
 * https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#properties and
 * https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes
 */
export namespace property {
  /** The bytes as they are. Null: there is no such attribute here. `proxy_get_property` */
  export function bytes(path: string[]): ArrayBuffer | null {
    return find(path) ? takeBytes() : null;
  }

  /** An attribute that is text. */
  export function text(path: string[]): string | null {
    return find(path) ? takeText() : null;
  }

  /** An attribute that is a number, such as `response.code`; a time is in nanoseconds. `fallback` where there is none. */
  export function integer(path: string[], fallback: i64 = 0): i64 {
    const found = bytes(path);
    return found !== null && found.byteLength == 8 ? load<i64>(at(found)) : fallback;
  }

  /** An attribute that is true or false, such as `connection.mtls`. */
  export function flag(path: string[], fallback: bool = false): bool {
    const found = bytes(path);
    return found !== null && found.byteLength == 1 ? load<u8>(at(found)) != 0 : fallback;
  }

  /** Keeps a value for later filters of the stream and for access logs, as filter state `wasm.NAME`. `proxy_set_property` */
  export function set(path: string[], value: ArrayBuffer): Status {
    const name = encodePath(path);
    return proxy_set_property(at(name), name.byteLength, at(value), value.byteLength);
  }

  /** As `set`, in UTF-8. */
  export function setText(path: string[], value: string): Status {
    return set(path, utf8(value));
  }
}

/** A property whose path has one part. */
export function namedProperty(name: string): string | null {
  return look(utf8(name)) ? takeText() : null;
}

function find(path: string[]): bool {
  return look(encodePath(path));
}

function look(name: ArrayBuffer): bool {
  return proxy_get_property(at(name), name.byteLength, CELL, SIZE) == Status.Ok;
}

/** The parts of a path have a zero between them. */
function encodePath(path: string[]): ArrayBuffer {
  return utf8(path.join("\0"));
}
