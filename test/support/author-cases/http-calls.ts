import { CELL, OUT, type Part, SINK } from "../../../preflight/testing/script.ts";
import { CALL_BODY, CALL_HEADERS, CALL_TRAILERS, call, does, goOn, holds, pairs, type Row, STREAM } from "./words.ts";

const HTTP =
  "callouts: [{cluster: authz, request: {path: /check}, response: {status: 200, headers: {x-user: anna}, body: granted, trailers: {x-t: 1}}}]";
const answered: Part = does(
  ["proxy_get_header_map_value", CALL_HEADERS, ":status", OUT],
  ["proxy_get_header_map_value", CALL_HEADERS, "x-user", OUT],
  ["proxy_get_buffer_bytes", CALL_BODY, 0, 200, OUT],
  ["proxy_get_header_map_value", CALL_TRAILERS, "x-t", OUT],
  ["proxy_get_status", CELL, OUT],
  ...goOn,
);

export const CALLS: readonly Row[] = [
  {
    name: "proxy_on_http_call_response: headers, body and trailers of an answer",
    parts: { proxy_on_request_headers: holds(call()), proxy_on_http_call_response: answered },
    yaml: `${HTTP}\nexpect: {callouts: [{cluster: authz, method: GET, path: /check, host: authz, body: who}], response: {status: 200}, logs: ["200", anna, granted, "1"]}`,
  },
  {
    name: "a call that nobody waits for",
    parts: {
      proxy_on_request_headers: does(call()),
      proxy_on_http_call_response: does(["proxy_get_buffer_bytes", CALL_BODY, 0, 200, OUT]),
    },
    yaml: `${HTTP}\nexpect: {logs: [granted]}`,
  },
  {
    name: "a call of a cluster that is not there",
    parts: { proxy_on_request_headers: does(call("nowhere")) },
    yaml: `${HTTP}\nexpect: {callouts: null, response: {status: 200}}`,
  },
  {
    name: "a call without a path",
    parts: { proxy_on_request_headers: does(["proxy_http_call", "authz", pairs([[":method", "GET"]]), "", "", 1000, SINK]) },
    yaml: `${HTTP}\nexpect: {callouts: null}`,
  },
  {
    name: "a service that answers an error",
    parts: { proxy_on_request_headers: holds(call()), proxy_on_http_call_response: answered },
    yaml: "callouts: [{cluster: authz, response: {status: 500}}]\nexpect: {logs: ['500']}",
  },
  {
    name: "a call that no rule is for",
    parts: { proxy_on_request_headers: holds(call()), proxy_on_http_call_response: answered },
    yaml: "callouts: [{cluster: authz, request: {path: /other}}]\nexpect: {logs: ['404']}",
  },
  {
    name: "a service that does not answer in time",
    parts: { proxy_on_request_headers: holds(call("authz", 200)), proxy_on_http_call_response: answered },
    yaml: "callouts: [{cluster: authz, failure: timeout}]\nexpect: {logs: ['504', upstream request timeout]}",
  },
  {
    name: "a service that answers late, in time",
    parts: { proxy_on_request_headers: holds(call()), proxy_on_http_call_response: answered },
    yaml: "callouts: [{cluster: authz, delay: 100ms, response: {body: late}}]\nexpect: {logs: ['200', late]}",
  },
  {
    name: "a service where nobody listens",
    parts: { proxy_on_request_headers: holds(call()), proxy_on_http_call_response: answered },
    yaml: "callouts: [{cluster: authz, failure: refused}]\nexpect: {logs: ['503']}",
  },
  {
    name: "an answer that breaks off",
    parts: { proxy_on_request_headers: holds(call()), proxy_on_http_call_response: answered },
    yaml: "callouts: [{cluster: authz, failure: reset}]\nexpect: {response: {status: 200}}",
  },
  {
    name: "two calls, each with its own answer",
    parts: { proxy_on_request_headers: holds(call(), call()), proxy_on_http_call_response: answered },
    yaml: "callouts:\n  - {cluster: authz, times: 1, response: {headers: {x-user: anna}}}\n  - {cluster: authz, response: {headers: {x-user: anna}}}",
  },
  {
    name: "a local answer from the answer of a call",
    parts: {
      proxy_on_request_headers: holds(call()),
      proxy_on_http_call_response: does(
        ["proxy_set_effective_context", STREAM],
        ["proxy_send_local_response", 401, "", "who are you", "", -1],
      ),
    },
    yaml: `${HTTP}\nexpect: {local: true, upstream: null, response: {status: 401, body: who are you}}`,
  },
  {
    name: "a call while the response is held",
    parts: {
      proxy_on_response_headers: holds(call()),
      proxy_on_http_call_response: does(["proxy_set_effective_context", STREAM], ["proxy_continue_stream", 1]),
    },
    yaml: `${HTTP}\nexpect: {response: {status: 200}}`,
  },
];
