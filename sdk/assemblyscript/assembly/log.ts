import { proxy_get_log_level, proxy_log } from "./abi/imports";
import { at, CELL } from "./abi/memory";
import { LogLevel } from "./abi/types";
import { utf8 } from "./abi/utf8";

/** Writes a line to Envoy's log, component `wasm`. Envoy adds the plugin's name. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_log */
export function log(level: LogLevel, message: string): void {
  const bytes = utf8(message);
  proxy_log(level, at(bytes), bytes.byteLength);
}

/** The lowest level that Envoy writes now. Ask before you make a line that costs something. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_get_log_level */
export function logLevel(): LogLevel {
  return proxy_get_log_level(CELL) == 0 ? load<u32>(CELL) : LogLevel.Info;
}

/** What the compiler calls for `trace()`. */
export function trace(message: string, n: i32 = 0, a0: f64 = 0, a1: f64 = 0, a2: f64 = 0, a3: f64 = 0, a4: f64 = 0): void {
  let line = message;
  if (n > 0) line += " " + a0.toString();
  if (n > 1) line += " " + a1.toString();
  if (n > 2) line += " " + a2.toString();
  if (n > 3) line += " " + a3.toString();
  if (n > 4) line += " " + a4.toString();
  log(LogLevel.Trace, line);
}
