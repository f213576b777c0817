import { BinaryWriter } from "@bufbuild/protobuf/wire";
import createWabt from "wabt";

/** Real proxy-wasm modules of a few hundred bytes, written in the text format and assembled on the spot: no tool chain, no wait. */
export interface HeaderFilter {
  readonly name: string;
  /** The header's value: a literal, the plugin's configuration, or its (one) environment variable of this name. */
  readonly value: string | { readonly from: "configuration" } | { readonly from: "env"; readonly name: string };
  /** Which headers get it: the request's on the way to the app, or (default) the response's on the way back. */
  readonly on?: "request" | "response";
  /** True: a request that carries the header `x-trap` makes the plugin trap. */
  readonly trapOnDemand?: boolean;
  /** Bytes of padding (a custom section), to make it as large as a real one. */
  readonly padding?: number;
}

/** Adds a header to every request or response that passes. */
export async function headerFilter(filter: HeaderFilter): Promise<Uint8Array> {
  const { name, value, on = "response" } = filter;
  const literal = typeof value === "string" ? value : "";
  const module = await assemble(`(module
    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    ${typeof value === "string" ? "" : value.from === "configuration" ? configurationImport : environmentImports}
    ${filter.trapOnDemand ? '(import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))' : ""}
    ${common}
    ${data(NAME_AT, name)}
    ${data(VALUE_AT, literal)}
    ${data(TRAP_AT, "x-trap")}
    (global $value (mut i32) (i32.const ${VALUE_AT}))
    (global $valueSize (mut i32) (i32.const ${Buffer.byteLength(literal)}))
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
      ${typeof value === "string" ? "" : value.from === "configuration" ? readConfiguration : readEnvironment(value.name)}
      (i32.const 1))
    (func (export "proxy_on_context_create") (param i32 i32))
    (func $addHeader (param $map i32)
      (drop (call $add (local.get $map) (i32.const ${NAME_AT}) (i32.const ${Buffer.byteLength(name)})
        (global.get $value) (global.get $valueSize))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      ${filter.trapOnDemand ? trapWhenAsked : ""}
      ${on === "request" ? `(call $addHeader (i32.const ${REQUEST_HEADERS}))` : ""}
      (i32.const 0))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
      ${on === "response" ? `(call $addHeader (i32.const ${RESPONSE_HEADERS}))` : ""}
      (i32.const 0)))`);
  return filter.padding ? Buffer.concat([module, customSection(filter.padding)]) : module;
}

/**
 * Writes the path of each request that it sees into Envoy's log at level `warning`, after the plugin's name: `wasm log shop/a ...: /path`. At the end of any
 * request, seen or not, it writes `:path`.
 */
export function pathLogger(): Promise<Uint8Array> {
  return assemble(`(module
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    ${common}
    ${data(NAME_AT, ":path")}
    (func (export "proxy_on_context_create") (param i32 i32))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (global.set $heap (i32.const 65536))
      (drop (call $get (i32.const ${REQUEST_HEADERS}) (i32.const ${NAME_AT}) (i32.const 5) (i32.const ${RESULT_AT}) (i32.const ${RESULT_AT + 4})))
      (drop (call $log (i32.const 3) (i32.load (i32.const ${RESULT_AT})) (i32.load (i32.const ${RESULT_AT + 4}))))
      (i32.const 0))
    (func (export "proxy_on_log") (param i32)
      (drop (call $log (i32.const 3) (i32.const ${NAME_AT}) (i32.const 5)))))`);
}

/** Answers every request with what the plugin was configured with, byte for byte: its configuration, or its (one) environment variable of this name. */
export function echo(what: "configuration" | { readonly env: string } = "configuration"): Promise<Uint8Array> {
  const isConfiguration = what === "configuration";
  return assemble(`(module
    (import "env" "proxy_send_local_response" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    ${isConfiguration ? configurationImport : environmentImports}
    ${common}
    (global $value (mut i32) (i32.const 0))
    (global $valueSize (mut i32) (i32.const 0))
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
      ${isConfiguration ? readConfiguration : readEnvironment(what.env)}
      (i32.const 1))
    (func (export "proxy_on_context_create") (param i32 i32))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (drop (call $send (i32.const 200) (i32.const 0) (i32.const 0) (global.get $value) (global.get $valueSize)
        (i32.const 0) (i32.const 0) (i32.const -1)))
      (i32.const 1)))`);
}

/** A network filter: counts connections in the metric `metric`, and puts `prefix` before what the app says. */
export function networkFilter({ metric, prefix = "" }: { readonly metric: string; readonly prefix?: string }): Promise<Uint8Array> {
  const prepend = `(drop (call $set (i32.const ${UPSTREAM_DATA}) (i32.const 0) (i32.const 0) (i32.const ${VALUE_AT}) (i32.const ${Buffer.byteLength(prefix)})))`;
  return assemble(`(module
    (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
    (import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))
    ${common}
    ${data(NAME_AT, metric)}
    ${data(VALUE_AT, prefix)}
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
      (drop (call $define (i32.const 0) (i32.const ${NAME_AT}) (i32.const ${Buffer.byteLength(metric)}) (i32.const ${RESULT_AT})))
      (i32.const 1))
    (func (export "proxy_on_context_create") (param i32 i32))
    (func (export "proxy_on_new_connection") (param i32) (result i32)
      (drop (call $increment (i32.load (i32.const ${RESULT_AT})) (i64.const 1)))
      (i32.const 0))
    (func (export "proxy_on_upstream_data") (param i32) (param $size i32) (param i32) (result i32)
      ${prefix === "" ? "" : `(if (local.get $size) (then ${prepend}))`}
      (i32.const 0)))`);
}

/** Modules that Envoy refuses, each for another reason. */
export const badModules = {
  junk: async (): Promise<Uint8Array> => Buffer.from("this is no module"),
  missingImport: () => assemble(`(module (import "env" "no_such_host_function" (func (param i32))) ${common})`),
  notProxyWasm: () => assemble(`(module (memory (export "memory") 1))`),
  refusesConfiguration: () =>
    assemble(`(module ${common}
      (func (export "proxy_on_context_create") (param i32 i32))
      (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 0)))`),
  trapsAtStart: () =>
    assemble(`(module ${common}
      (func (export "proxy_on_context_create") (param i32 i32))
      (func (export "proxy_on_vm_start") (param i32 i32) (result i32) unreachable))`),
} as const;

const [NAME_AT, VALUE_AT, TRAP_AT, RESULT_AT, ENVIRON_AT] = [0, 1024, 2048, 2112, 3072];
const [REQUEST_HEADERS, RESPONSE_HEADERS, UPSTREAM_DATA, PLUGIN_CONFIGURATION] = [0, 2, 3, 7];

/** What every module must export. Memory handed to the host is never given back: it is asked for at configuration only. */
const common = `
    (memory (export "memory") 4)
    (global $heap (mut i32) (i32.const 65536))
    (func (export "proxy_abi_version_0_2_1"))
    (func $allocate (export "proxy_on_memory_allocate") (param $size i32) (result i32)
      (global.get $heap)
      (global.set $heap (i32.add (global.get $heap) (local.get $size))))`;

const configurationImport = `(import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))`;
const readConfiguration = `
      (drop (call $buffer (i32.const ${PLUGIN_CONFIGURATION}) (i32.const 0) (i32.const 65536) (i32.const ${RESULT_AT}) (i32.const ${RESULT_AT + 4})))
      (global.set $value (i32.load (i32.const ${RESULT_AT})))
      (global.set $valueSize (i32.load (i32.const ${RESULT_AT + 4})))`;

const environmentImports = `
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))`;
/** The environment is one `NAME=value` and a zero byte. */
const readEnvironment = (name: string) => `
      (drop (call $sizes (i32.const ${RESULT_AT}) (i32.const ${RESULT_AT + 4})))
      (if (i32.load (i32.const ${RESULT_AT})) (then
        (drop (call $environ (i32.const ${RESULT_AT + 8}) (i32.const ${ENVIRON_AT})))
        (global.set $value (i32.const ${ENVIRON_AT + Buffer.byteLength(name) + 1}))
        (global.set $valueSize (i32.sub (i32.load (i32.const ${RESULT_AT + 4})) (i32.const ${Buffer.byteLength(name) + 2})))))`;

const trapWhenAsked = `
      (i32.store (i32.const ${RESULT_AT + 4}) (i32.const 0))
      (drop (call $get (i32.const ${REQUEST_HEADERS}) (i32.const ${TRAP_AT}) (i32.const 6) (i32.const ${RESULT_AT}) (i32.const ${RESULT_AT + 4})))
      (if (i32.load (i32.const ${RESULT_AT + 4})) (then unreachable))`;

function data(at: number, text: string): string {
  return `(data (i32.const ${at}) "${escaped(Buffer.from(text))}")`;
}

function escaped(bytes: Uint8Array): string {
  return [...bytes].map((byte) => `\\${byte.toString(16).padStart(2, "0")}`).join("");
}

/** A custom section, which every engine skips, with bytes that do not compress well. https://webassembly.github.io/spec/core/binary/modules.html#custom-section */
export function customSection(size: number): Uint8Array {
  const content = new Uint8Array(size);
  content[0] = 0; // an empty name
  for (let i = 1, state = 1; i < size; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    content[i] = state >>> 16;
  }
  const length = new BinaryWriter().uint32(size).finish();
  return Buffer.concat([Uint8Array.of(0), length, content]);
}

/** Assembles a module written in the text format. */
export async function assemble(text: string): Promise<Uint8Array> {
  const { parseWat } = await createWabt();
  const module = parseWat("filter.wat", text);
  try {
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}
