import type { Row } from "./row.ts";
import { wasm } from "./wat.ts";

const IMPORTS = `
  (import "env" "proxy_replace_header_map_value" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $resume (param i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))`;
const BASE = `
  (memory (export "memory") 1) (data (i32.const 0) "x-body1")
  (func (export "malloc") (param i32) (result i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))`;

const MARK: Readonly<Record<Direction, string>> = { request: marks(0), response: marks(2) };
const REPLY =
  "(drop (call $reply (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)))";

type Direction = "request" | "response";

/** What a plugin does once it has held the headers of a message. */
interface Acts {
  /** What the headers' callback returns for a message with a body. Default 1, StopIteration. */
  readonly headers?: number;
  readonly body?: string;
  readonly trailers?: string;
}

/** Set, not added: how often the body's callback runs is the network's doing. */
function marks(map: number): string {
  return `(drop (call $set (i32.const ${map}) (i32.const 0) (i32.const 6) (i32.const 6) (i32.const 1)))`;
}

/** A module that holds the headers of messages with a body, and does this when the body comes. */
export function holding(direction: Direction, { headers = 1, body = "(i32.const 0)", trailers = "(i32.const 0)" }: Acts): string {
  return `(module ${IMPORTS} ${BASE}
    (func (export "proxy_on_${direction}_headers") (param i32 i32 i32) (result i32)
      (if (result i32) (local.get 2) (then (i32.const 0)) (else (i32.const ${headers}))))
    (func (export "proxy_on_${direction}_body") (param i32 i32 i32) (result i32) ${body})
    (func (export "proxy_on_${direction}_trailers") (param i32 i32) (result i32) ${trailers}))`;
}

const resume = (direction: Direction): string => `(drop (call $resume (i32.const ${direction === "request" ? 0 : 1})))`;
/** Until the end of the message. */
const BUFFER = "(i32.eqz (local.get 2))";

const CASES: Readonly<Record<Direction, readonly (readonly [title: string, acts: Acts])[]>> = {
  request: [
    ...common("request"),
    ["holds the body for good", { body: "(i32.const 1)", trailers: "(i32.const 1)" }],
    ["stops everything", { headers: 4, body: `${MARK.request} (i32.const 0)` }],
  ],
  response: common("response"),
};

function common(direction: Direction): readonly (readonly [title: string, acts: Acts])[] {
  return [
    ["lets them go with the first of the body", { body: `${MARK[direction]} (i32.const 0)` }],
    ["lets them go when the whole body is there", { body: `${MARK[direction]} ${BUFFER}` }],
    ["lets them go by a call in the body", { body: `${MARK[direction]} ${resume(direction)} (i32.const 1)` }],
    ["answers in the body", { body: `${REPLY} (i32.const 1)` }],
    ["traps in the body", { body: "unreachable" }],
  ];
}

/** Plugins that hold the headers of a message while they read its body, with the setting that lets them; the first of each direction without it too. */
export const HOLDING: readonly Row[] = (["request", "response"] as const).flatMap((direction) =>
  CASES[direction].flatMap(([does, acts], index) => {
    const row = { code: () => wasm(holding(direction, acts)) };
    const alone = { ...row, title: `holds ${direction} headers alone, ${does}`, allowOnHeadersStopIteration: true as const };
    return index > 0 ? [alone] : [alone, { ...row, title: `holds ${direction} headers and the body with them` }];
  }),
);
