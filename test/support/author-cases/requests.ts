import { CELL, OUT } from "../../../preflight/testing/script.ts";
import {
  add,
  CONTINUE,
  does,
  holds,
  PAUSE,
  POST,
  pairs,
  REQUEST,
  REQUEST_BODY,
  REQUEST_TRAILERS,
  RESPONSE,
  type Row,
  say,
} from "./words.ts";

export const REQUESTS: readonly Row[] = [
  {
    name: "proxy_on_request_headers reads, adds, replaces and removes",
    parts: {
      proxy_on_request_headers: does(
        ["proxy_get_header_map_value", REQUEST, ":path", OUT],
        ["proxy_get_header_map_value", REQUEST, "x-request-id", OUT],
        add(REQUEST, "x-new", "1"),
        ["proxy_replace_header_map_value", REQUEST, "x-old", "2"],
        ["proxy_remove_header_map_value", REQUEST, "x-gone"],
      ),
    },
    yaml: "request: {path: '/a?b=c', headers: {x-old: [1, 1], x-gone: here}}\nexpect: {upstream: {headers: {x-new: 1, x-old: 2, x-gone: null}}}",
  },
  {
    name: "all headers of a request, in order, and their size",
    parts: { proxy_on_request_headers: does(["proxy_get_header_map_pairs", REQUEST, OUT], ["proxy_get_header_map_size", REQUEST, CELL]) },
    yaml: "request: {headers: {b: 1, a: [2, 3]}}",
  },
  {
    name: "all headers are set at once",
    parts: {
      proxy_on_request_headers: does([
        "proxy_set_header_map_pairs",
        REQUEST,
        pairs([
          [":method", "PUT"],
          [":path", "/other"],
          [":authority", "b"],
          [":scheme", "http"],
          ["x-all", "new"],
          ["x-forwarded-proto", "https"],
        ]),
      ]),
    },
    yaml: "expect: {upstream: {method: PUT, path: /other, host: b, headers: {x-all: new, x-request-id: null}}}",
  },
  {
    name: "proxy_on_request_body sees the chunks as they come",
    parts: { proxy_on_request_body: does(["proxy_get_buffer_bytes", REQUEST_BODY, 0, 100, OUT]) },
    yaml: `${POST}\nexpect: {upstream: {body: onetwo}, logs: [one, two]}`,
  },
  {
    name: "a body without trailers ends with its last chunk",
    parts: { proxy_on_request_body: { onlyIf: 2, steps: [["proxy_get_buffer_status", REQUEST_BODY, CELL, CELL]] } },
    yaml: "request: {method: POST, chunks: [one, two]}\nexpect: {upstream: {body: onetwo}}",
  },
  {
    name: "proxy_on_request_body gathers the whole body",
    parts: {
      proxy_on_request_body: { returns: PAUSE, steps: [["proxy_get_buffer_bytes", REQUEST_BODY, 0, 100, OUT]] },
      proxy_on_request_trailers: does(
        ["proxy_get_buffer_bytes", REQUEST_BODY, 0, 100, OUT],
        ["proxy_set_buffer_bytes", REQUEST_BODY, 0, 100, "all new"],
      ),
    },
    yaml: `${POST}\nexpect: {upstream: {body: all new}, logs: [one, onetwo, onetwo]}`,
  },
  {
    name: "a chunk is prepended to, appended to and replaced",
    parts: {
      proxy_on_request_body: does(
        ["proxy_set_buffer_bytes", REQUEST_BODY, 0, 0, "<"],
        ["proxy_set_buffer_bytes", REQUEST_BODY, 999, 0, ">"],
      ),
    },
    yaml: `${POST}\nexpect: {upstream: {body: <one><two>}}`,
  },
  {
    name: "proxy_on_request_trailers reads and adds",
    parts: {
      proxy_on_request_trailers: does(["proxy_get_header_map_value", REQUEST_TRAILERS, "x-sum", OUT], add(REQUEST_TRAILERS, "x-more", "3")),
    },
    yaml: `${POST}\nexpect: {upstream: {trailers: {x-sum: 2, x-more: 3}}, logs: ["2"]}`,
  },
  {
    name: "trailers are made where there are none",
    parts: { proxy_on_request_body: { onlyIf: 2, steps: [add(REQUEST_TRAILERS, "x-made", "1")] } },
    yaml: "request: {method: POST, body: a}\nexpect: {upstream: {trailers: {x-made: 1}}}",
  },
  {
    name: "a request that is held for good",
    parts: { proxy_on_request_headers: holds(say("held")) },
    yaml: "patience: 400ms\nexpect: {held: request, upstream: null, response: null, logs: [held]}",
  },
  {
    name: "a local answer to the request's headers",
    parts: {
      proxy_on_request_headers: holds(["proxy_send_local_response", 403, "denied", "no\n", pairs([["x-why", "because"]]), -1]),
      proxy_on_response_headers: does(["proxy_get_header_map_value", RESPONSE, ":status", OUT], add(RESPONSE, "x-seen", "1")),
      proxy_on_log: does(["proxy_get_header_map_value", RESPONSE, "x-seen", OUT]),
    },
    yaml: 'expect: {local: true, upstream: null, response: {status: 403, body: "no\\n", headers: {x-why: because, x-seen: 1}}}',
  },
  {
    name: "a local answer to the request's body",
    parts: { proxy_on_request_headers: holds(), proxy_on_request_body: holds(["proxy_send_local_response", 413, "", "too long", "", -1]) },
    yaml: `allowOnHeadersStopIteration: true\n${POST}\nexpect: {local: true, upstream: null, response: {status: 413}}`,
  },
  {
    name: "headers are held until the body is there",
    parts: {
      proxy_on_request_headers: holds(),
      proxy_on_request_body: {
        returns: CONTINUE,
        steps: [add(REQUEST, "x-late", "1"), ["proxy_get_buffer_bytes", REQUEST_BODY, 0, 100, OUT]],
      },
    },
    yaml: "allowOnHeadersStopIteration: true\nrequest: {method: POST, body: text}\nexpect: {upstream: {headers: {x-late: 1}, body: text}, logs: [text]}",
  },
  {
    name: "a request that the filter resets",
    parts: { proxy_on_request_headers: holds(["proxy_close_stream", 0]) },
    yaml: "expect: {upstream: null, response: null}",
  },
  {
    name: "a trap in the request's headers, and after it",
    parts: {},
    traps: ["proxy_on_request_headers"],
    yaml: "exchanges:\n  - expect: {trap: true, upstream: null, response: {status: 503}}\n  - expect: {upstream: null, response: {status: 503}}",
  },
];
