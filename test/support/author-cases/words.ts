import { encodePairs, type Pairs } from "../../../preflight/host/values/headers.ts";
import { OUT, type Part, SINK, type Step } from "../../../preflight/testing/script.ts";

/** Of the ABI. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#types */
export const [REQUEST, REQUEST_TRAILERS, RESPONSE, RESPONSE_TRAILERS, INITIAL, TRAILING, CALL_HEADERS, CALL_TRAILERS] = [
  0, 1, 2, 3, 4, 5, 6, 7,
];
export const [REQUEST_BODY, RESPONSE_BODY, CALL_BODY, MESSAGE] = [0, 1, 4, 5];
export const [CONTINUE, PAUSE] = [0, 1];
/** The first stream of a plugin. Its root is 1. */
export const STREAM = 2;

export const pairs = (list: Pairs): string => Buffer.from(encodePairs(list)).toString("latin1");
const ASK = pairs([
  [":method", "GET"],
  [":path", "/check"],
  [":authority", "authz"],
]);

export const call = (cluster = "authz", timeout = 1000): Step => ["proxy_http_call", cluster, ASK, "who", "", timeout, SINK];
export const unary = (cluster = "grpc", timeout = 1000): Step => [
  "proxy_grpc_call",
  cluster,
  "test.Echo",
  "Say",
  pairs([["x-meta", "yes"]]),
  "hi",
  timeout,
  SINK,
];
export const stream: Step = ["proxy_grpc_stream", "grpc", "test.Echo", "Chat", pairs([["x-meta", "yes"]]), SINK];
export const goOn: readonly Step[] = [
  ["proxy_set_effective_context", STREAM],
  ["proxy_continue_stream", 0],
];
export const add = (map: number, name: string, value: string): Step => ["proxy_add_header_map_value", map, name, value];
export const say = (text: string): Step => ["proxy_log", 2, text];
export const property = (...path: string[]): Step => ["proxy_get_property", path.join("\0"), OUT];
export const does = (...steps: Step[]): Part => ({ steps });
export const holds = (...steps: Step[]): Part => ({ steps, returns: PAUSE });

/** A case, and the module that it is of. */
export interface Row {
  readonly name: string;
  /** Callbacks that trap. */
  readonly traps?: readonly string[];
  /** What the module does in its callbacks. */
  readonly parts: Readonly<Record<string, Part>>;
  /** Of the case, below its name. */
  readonly yaml?: string;
}

export const POST = "request: {method: POST, chunks: [one, two], trailers: {x-sum: 2}}";
export const CHUNKED = "upstream: {status: 200, chunks: [first, second], trailers: {x-end: yes}}";
