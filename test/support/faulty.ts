import { ballast, multiplied } from "./heavy.ts";
import { assemble, customSection } from "./wat.ts";

/**
 * What a module does wrong. All but `good` do it where only a real proxy under real traffic shows it, or (`junk`, `trapsAtStart`, `refusesConfiguration`)
 * so plainly that it must never leave the operator.
 * - `trapsOnTraffic`, `answers500`, `slow`: for requests with the header `x-customer`.
 * - `loops`: never returns from a request with the header `x-loop`.
 * - `refusesOnProxy`, `trapsOnProxy`, `refusesLateOnProxy` (it takes its time): at configuration, in a proxy whose node.id begins with `edge`.
 */
export type Fault = (typeof faults)[number];

export const faults = [
  ...["good", "trapsOnTraffic", "answers500", "slow", "loops", "refusesOnProxy", "trapsOnProxy", "refusesLateOnProxy"],
  ...["trapsAtStart", "refusesConfiguration", "junk"],
] as const;

/** Where the fault is found at the latest: `preflight` ships nothing, `proxy` is a rejected configuration, `traffic` shows only in requests. */
export const shows: Readonly<Record<Fault, "never" | "preflight" | "proxy" | "traffic" | "demand">> = {
  good: "never",
  trapsOnTraffic: "traffic",
  answers500: "traffic",
  slow: "traffic",
  loops: "demand",
  refusesOnProxy: "proxy",
  trapsOnProxy: "proxy",
  refusesLateOnProxy: "proxy",
  trapsAtStart: "preflight",
  refusesConfiguration: "preflight",
  junk: "preflight",
};

/** Every request that is to meet a module's fault carries this. */
export const customer = { "x-customer": "1" } as const;

/** How long a `refusesLateOnProxy` module thinks about its configuration, in milliseconds. */
const LATE_MS = 1_500;

/** How long a `slow` module keeps a request, in milliseconds: it burns a core meanwhile, so stable proxies beside it get slower too. */
export const SLOW_MS = 200;

/** A module that puts `x-weir: VALUE` on every response, with one fault. `heavy`: it has 64 MiB, and functions that take seconds to compile. */
export async function faultyFilter(fault: Fault, value: string, heavy = false): Promise<Uint8Array> {
  if (fault === "junk") return Buffer.from(`this is no module: ${value}`);
  const module = await assemble(`(module
    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))
    (import "env" "proxy_send_local_response" (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 4)
    (data (i32.const 0) "x-weir")
    (data (i32.const 64) "${value}")
    (data (i32.const 1088) "x-customer")
    (data (i32.const 1120) "x-loop")
    (data (i32.const 1152) "xds\\00node\\00id")
    (global $heap (mut i32) (i32.const 65536))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
      (global.get $heap)
      (global.set $heap (i32.add (global.get $heap) (local.get $size)))
      (if (i32.gt_u (global.get $heap) (i32.const 196608)) (then (global.set $heap (i32.const 65536)))))
    (func (export "proxy_on_context_create") (param i32 i32))
    (func $onProxy (result i32)
      (i32.store (i32.const 2048) (i32.const 0))
      (drop (call $property (i32.const 1152) (i32.const 11) (i32.const 2048) (i32.const 2052)))
      (if (result i32) (i32.load (i32.const 2048))
        (then (i32.eq (i32.load (i32.load (i32.const 2048))) (i32.const 0x65676465)))
        (else (i32.const 0))))
    (func $fromCustomer (result i32)
      (i32.store (i32.const 2052) (i32.const 0))
      (drop (call $get (i32.const 0) (i32.const 1088) (i32.const 10) (i32.const 2048) (i32.const 2052)))
      (i32.ne (i32.load (i32.const 2052)) (i32.const 0)))
    (func $isLoop (result i32)
      (i32.store (i32.const 2052) (i32.const 0))
      (drop (call $get (i32.const 0) (i32.const 1120) (i32.const 6) (i32.const 2048) (i32.const 2052)))
      (i32.ne (i32.load (i32.const 2052)) (i32.const 0)))
    (func $now (result i64)
      (drop (call $time (i32.const 2056)))
      (i64.load (i32.const 2056)))
    (func $wait (param $until i64)
      (loop $again (br_if $again (i64.lt_u (call $now) (local.get $until)))))
    ${fault === "trapsAtStart" ? `(func (export "proxy_on_vm_start") (param i32 i32) (result i32) unreachable)` : ""}
    (func (export "proxy_on_configure") (param i32 i32) (result i32) ${atConfiguration(fault)} (i32.const 1))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) ${onRequest(fault)} (i32.const 0))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
      (drop (call $add (i32.const 2) (i32.const 0) (i32.const 6) (i32.const 64) (i32.const ${Buffer.byteLength(value)})))
      (i32.const 0))
    ${heavy ? ballast() : ""})`);
  if (!heavy) return module;
  const compiled = multiplied(module, HEAVY_COPIES);
  return Buffer.concat([compiled, customSection(HEAVY_BYTES - compiled.byteLength - 64)]);
}

const HEAVY_BYTES = 64 * 2 ** 20;
const HEAVY_COPIES = 1_500;

function atConfiguration(fault: Fault): string {
  if (fault === "refusesConfiguration") return "(return (i32.const 0))";
  if (fault === "refusesOnProxy") return "(if (call $onProxy) (then (return (i32.const 0))))";
  if (fault === "refusesLateOnProxy")
    return `(if (call $onProxy) (then (call $wait (i64.add (call $now) (i64.const ${LATE_MS}000000))) (return (i32.const 0))))`;
  if (fault === "trapsOnProxy") return "(if (call $onProxy) (then unreachable))";
  return "";
}

function onRequest(fault: Fault): string {
  if (fault === "trapsOnTraffic") return "(if (call $fromCustomer) (then unreachable))";
  if (fault === "loops") return "(if (call $isLoop) (then (loop $forever (br $forever))))";
  if (fault === "slow") return `(if (call $fromCustomer) (then (call $wait (i64.add (call $now) (i64.const ${SLOW_MS}000000)))))`;
  if (fault !== "answers500") return "";
  const respond =
    "(call $respond (i32.const 500) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))";
  return `(if (call $fromCustomer) (then (drop ${respond}) (return (i32.const 1))))`;
}
