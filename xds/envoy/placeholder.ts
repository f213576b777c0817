/**
 * The plugin that stands in for a filter which is not there. Its configuration is the filter's name, `NAMESPACE/NAME`. It answers a request with 503, the header
 * `x-weir-missing` and a body of one line, and closes a connection. The name is read twice, behind the two texts that it ends: the headers, as
 * proxy-wasm encodes them (at 16), and the body (at 1040). https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1
 *
 *     (module
 *       (import "env" "proxy_get_buffer_bytes" (func $read (param i32 i32 i32 i32 i32) (result i32)))
 *       (import "env" "proxy_send_local_response" (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
 *       (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
 *       (memory (export "memory") 1)
 *       (global $to (mut i32) (i32.const 0))
 *       (global $size (mut i32) (i32.const 0))
 *       (data (i32.const 16) "\01\00\00\00\0e\00\00\00")
 *       (data (i32.const 28) "x-weir-missing\00")
 *       (data (i32.const 1024) "weir_missing")
 *       (data (i32.const 1040) "this filter is not there yet: ")
 *       (func (export "proxy_abi_version_0_2_1"))
 *       (func (export "proxy_on_memory_allocate") (param i32) (result i32) (global.get $to))
 *       (func (export "proxy_on_context_create") (param i32 i32))
 *       (func $copy (param i32)
 *         (global.set $to (local.get 0))
 *         (drop (call $read (i32.const 7) (i32.const 0) (global.get $size) (i32.const 0) (i32.const 4))))
 *       (func (export "proxy_on_configure") (param i32 i32) (result i32)
 *         (global.set $size (local.get 1))
 *         (i32.store (i32.const 24) (local.get 1))
 *         (call $copy (i32.const 43))
 *         (call $copy (i32.const 1070))
 *         (i32.const 1))
 *       (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
 *         (drop (call $answer (i32.const 503) (i32.const 1024) (i32.const 12)
 *           (i32.const 1040) (i32.add (global.get $size) (i32.const 30))
 *           (i32.const 16) (i32.add (global.get $size) (i32.const 28)) (i32.const -1)))
 *         (i32.const 1))
 *       (func (export "proxy_on_new_connection") (param i32) (result i32)
 *         (drop (call $close (i32.const 2)))
 *         (i32.const 1)))
 */
export const placeholderModule: Uint8Array = Buffer.from(
  [
    "AGFzbQEAAAABNAhgBX9/f39/AX9gCH9/f39/f39/AX9gAX8Bf2AAAGACf38AYAF/AGACf38Bf2ADf39/AX8CVwMDZW52FnByb3h5X2dldF9idWZmZXJfYnl0",
    "ZXMAAANlbnYZcHJveHlfc2VuZF9sb2NhbF9yZXNwb25zZQABA2VudhJwcm94eV9jbG9zZV9zdHJlYW0AAgMIBwMCBAUGBwIFAwEAAQYLAn8BQQALfwFBAAsH",
    "owEHBm1lbW9yeQIAF3Byb3h5X2FiaV92ZXJzaW9uXzBfMl8xAAMYcHJveHlfb25fbWVtb3J5X2FsbG9jYXRlAAQXcHJveHlfb25fY29udGV4dF9jcmVhdGUA",
    "BRJwcm94eV9vbl9jb25maWd1cmUABxhwcm94eV9vbl9yZXF1ZXN0X2hlYWRlcnMACBdwcm94eV9vbl9uZXdfY29ubmVjdGlvbgAJCmQHAgALBAAjAAsCAAsT",
    "ACAAJABBB0EAIwFBAEEEEAAaCxgAIAEkAUEYIAE2AgBBKxAGQa4IEAZBAQsgAEH3A0GACEEMQZAIIwFBHmpBECMBQRxqQX8QARpBAQsJAEECEAIaQQELC1gE",
    "AEEQCwgBAAAADgAAAABBHAsPeC13ZWlyLW1pc3NpbmcAAEGACAsMd2Vpcl9taXNzaW5nAEGQCAsedGhpcyBmaWx0ZXIgaXMgbm90IHRoZXJlIHlldDog",
  ].join(""),
  "base64",
);
