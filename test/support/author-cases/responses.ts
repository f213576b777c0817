import { CELL, OUT } from "../../../preflight/testing/script.ts";
import { add, CHUNKED, does, holds, PAUSE, RESPONSE, RESPONSE_BODY, RESPONSE_TRAILERS, type Row } from "./words.ts";

export const RESPONSES: readonly Row[] = [
  {
    name: "proxy_on_response_headers reads, adds, replaces and removes",
    parts: {
      proxy_on_response_headers: does(
        ["proxy_get_header_map_value", RESPONSE, ":status", OUT],
        add(RESPONSE, "x-hello", "world"),
        ["proxy_replace_header_map_value", RESPONSE, ":status", "201"],
        ["proxy_remove_header_map_value", RESPONSE, "x-secret"],
      ),
    },
    yaml: "upstream: {status: 200, headers: {x-secret: s}}\nexpect: {response: {status: 201, headers: {x-hello: world, x-secret: null}}}",
  },
  {
    name: "all headers of a response, and their size",
    parts: {
      proxy_on_response_headers: does(["proxy_get_header_map_pairs", RESPONSE, OUT], ["proxy_get_header_map_size", RESPONSE, CELL]),
    },
    yaml: "upstream: {headers: {b: 1, a: [2, 3]}}",
  },
  {
    name: "proxy_on_response_body sees the chunks as they come",
    parts: { proxy_on_response_body: does(["proxy_get_buffer_bytes", RESPONSE_BODY, 0, 100, OUT]) },
    yaml: `${CHUNKED}\nexpect: {response: {body: firstsecond}, logs: [first, second]}`,
  },
  {
    name: "proxy_on_response_body gathers and rewrites",
    parts: {
      proxy_on_response_body: { returns: PAUSE, steps: [["proxy_get_buffer_bytes", RESPONSE_BODY, 1, 3, OUT]] },
      proxy_on_response_trailers: does(["proxy_set_buffer_bytes", RESPONSE_BODY, 0, 100, "new"]),
    },
    yaml: `${CHUNKED}\nexpect: {response: {body: new, trailers: {x-end: "true"}}}`.replace("x-end: yes", 'x-end: "true"'),
  },
  {
    name: "proxy_on_response_trailers reads and adds",
    parts: {
      proxy_on_response_trailers: does(
        ["proxy_get_header_map_value", RESPONSE_TRAILERS, "x-end", OUT],
        add(RESPONSE_TRAILERS, "x-more", "3"),
      ),
    },
    yaml: `${CHUNKED}\nexpect: {response: {trailers: {x-end: "yes", x-more: 3}}}`,
  },
  {
    name: "trailers are made for a response without",
    parts: { proxy_on_response_body: { onlyIf: 2, steps: [add(RESPONSE_TRAILERS, "x-made", "1")] } },
    yaml: "upstream: {body: a}\nexpect: {response: {trailers: {x-made: 1}}}",
  },
  {
    name: "a local answer in the place of the upstream's",
    parts: { proxy_on_response_headers: does(["proxy_send_local_response", 502, "bad", "hidden", "", -1]) },
    yaml: "upstream: {status: 500, body: secret}\nexpect: {local: true, response: {status: 502, body: hidden}}",
  },
  {
    name: "a response that is held for good",
    parts: { proxy_on_response_headers: holds() },
    yaml: "patience: 400ms\nexpect: {held: response, response: null}",
  },
  {
    name: "the stream is reset while the response comes",
    parts: { proxy_on_response_headers: holds(["proxy_close_stream", 1]) },
    yaml: "expect: {response: null}",
  },
  {
    name: "a trap in the response's headers",
    parts: {},
    traps: ["proxy_on_response_headers"],
    yaml: "expect: {trap: true, response: {status: 503}}",
  },
];
