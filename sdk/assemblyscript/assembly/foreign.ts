import { proxy_call_foreign_function } from "./abi/imports";
import { at, CELL, SIZE, takeBytes } from "./abi/memory";
import { Status } from "./abi/types";
import { utf8 } from "./abi/utf8";

/**
 * Calls a function that the proxy itself offers, such as Envoy's `compress` or `clear_route_cache`. Null: there is none of this name, or it failed.
 * https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_call_foreign_function
 */
export function callForeignFunction(name: string, argument: ArrayBuffer = new ArrayBuffer(0)): ArrayBuffer | null {
  const text = utf8(name);
  store<u32>(SIZE, 0);
  const status = proxy_call_foreign_function(at(text), text.byteLength, at(argument), argument.byteLength, CELL, SIZE);
  return status == Status.Ok ? takeBytes() : null;
}
