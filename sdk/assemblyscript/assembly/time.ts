import { proxy_get_current_time_nanoseconds } from "./abi/imports";
import { CELL } from "./abi/memory";

/** Nanoseconds since 1970. Use it in the place of `Date.now()`, which no proxy offers. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_get_current_time_nanoseconds */
export function now(): u64 {
  return proxy_get_current_time_nanoseconds(CELL) == 0 ? load<u64>(CELL) : 0;
}

/** Where `Math.random()` begins. Good for jitter and sampling; worth nothing for secrets. */
export function seed(): f64 {
  return reinterpret<f64>((now() * 0x9e3779b97f4a7c15) >> 12);
}
