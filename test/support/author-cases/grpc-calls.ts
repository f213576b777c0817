import { CELL, OUT, type Part } from "../../../preflight/testing/script.ts";
import { does, goOn, holds, INITIAL, MESSAGE, type Row, say, stream, TRAILING, unary } from "./words.ts";

const GRPC = "callouts: [{cluster: grpc, grpc: test.Echo/Say, response: {messages: [hi there]}}]";
const closed: Part = does(["proxy_get_status", CELL, OUT], ...goOn);

export const GRPC_CALLS: readonly Row[] = [
  {
    name: "proxy_on_grpc_receive: the answer of a unary call",
    parts: {
      proxy_on_request_headers: holds(unary()),
      proxy_on_grpc_receive: does(["proxy_get_buffer_bytes", MESSAGE, 0, 100, OUT], ...goOn),
      proxy_on_grpc_close: closed,
    },
    yaml: `${GRPC}\nexpect: {callouts: [{cluster: grpc, grpc: test.Echo/Say, headers: {x-meta: "yes"}, body: hi}], logs: [hi there]}`,
  },
  {
    name: "proxy_on_grpc_close: a unary call that fails",
    parts: { proxy_on_request_headers: holds(unary()), proxy_on_grpc_receive: does(say("received")), proxy_on_grpc_close: closed },
    yaml: "callouts: [{cluster: grpc, grpc: test.Echo/Say, response: {status: 7, message: not yours}}]\nexpect: {logs: ['not yours{via_upstream}']}",
  },
  {
    name: "a unary call that no rule is for",
    parts: { proxy_on_request_headers: holds(unary()), proxy_on_grpc_close: closed },
    yaml: "callouts: [{cluster: grpc, grpc: test.Echo/Other}]\nexpect: {response: {status: 200}}",
  },
  {
    name: "a unary call that is not answered in time",
    parts: { proxy_on_request_headers: holds(unary("grpc", 200)), proxy_on_grpc_close: closed },
    yaml: "callouts: [{cluster: grpc, grpc: test.Echo/Say, failure: timeout}]\nexpect: {response: {status: 200}}",
  },
  {
    name: "a gRPC service where nobody listens",
    parts: { proxy_on_request_headers: holds(unary()), proxy_on_grpc_close: closed },
    yaml: "callouts: [{cluster: grpc, grpc: test.Echo/Say, failure: refused}]\nexpect: {response: {status: 200}}",
  },
  {
    name: "a stream: initial metadata, messages, trailing metadata, close",
    parts: {
      proxy_on_request_headers: holds(stream),
      proxy_on_grpc_receive_initial_metadata: does(["proxy_get_header_map_value", INITIAL, "x-seen", OUT]),
      proxy_on_grpc_receive: does(["proxy_get_buffer_bytes", MESSAGE, 0, 100, OUT]),
      proxy_on_grpc_receive_trailing_metadata: does(["proxy_get_header_map_value", TRAILING, "x-last", OUT]),
      proxy_on_grpc_close: closed,
    },
    yaml: "callouts: [{cluster: grpc, grpc: test.Echo/Chat, response: {metadata: {x-seen: here}, messages: [one, two], trailers: {x-last: bye}}}]\nexpect: {logs: [here, one, two, bye]}",
  },
  {
    name: "a gRPC call of a cluster that is not there",
    parts: { proxy_on_request_headers: does(unary("nowhere")) },
    yaml: `${GRPC}\nexpect: {callouts: null}`,
  },
];
