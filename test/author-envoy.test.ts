import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { Case } from "../author/cases/case.ts";
import { EnvoyHosts } from "../author/cases/envoy/host.ts";
import type { CaseHost, Observed } from "../author/cases/observed.ts";
import { parseCases } from "../author/cases/read/file.ts";
import { describeFailure } from "../author/cases/report/failure.ts";
import { runCase } from "../author/cases/run.ts";
import { compareWithEnvoy, runInBoth } from "../author/cases/run-both.ts";
import { createSandbox } from "../author/cases/sandbox/sandbox.ts";
import { callback } from "../preflight/abi/abi.ts";
import { encodePairs, type Pairs } from "../preflight/host/values/headers.ts";
import { countEntries } from "../preflight/index.ts";
import { CELL, KEEP, KEPT, OUT, type Part, SINK, type Step, script } from "../preflight/testing/script.ts";
import { wasm } from "../preflight/testing/wat.ts";
import { installEnvoyVersion } from "../scripts/tools/envoy.ts";

const [REQUEST, REQUEST_TRAILERS, RESPONSE, RESPONSE_TRAILERS, INITIAL, TRAILING, CALL_HEADERS, CALL_TRAILERS] = [0, 1, 2, 3, 4, 5, 6, 7];
const [REQUEST_BODY, RESPONSE_BODY, CALL_BODY, MESSAGE] = [0, 1, 4, 5];
const [CONTINUE, PAUSE] = [0, 1];
/** The first stream of a plugin. Its root is 1. */
const STREAM = 2;

const pairs = (list: Pairs): string => Buffer.from(encodePairs(list)).toString("latin1");
const ASK = pairs([
  [":method", "GET"],
  [":path", "/check"],
  [":authority", "authz"],
]);

const call = (cluster = "authz", timeout = 1000): Step => ["proxy_http_call", cluster, ASK, "who", "", timeout, SINK];
const unary = (cluster = "grpc", timeout = 1000): Step => [
  "proxy_grpc_call",
  cluster,
  "test.Echo",
  "Say",
  pairs([["x-meta", "yes"]]),
  "hi",
  timeout,
  SINK,
];
const stream: Step = ["proxy_grpc_stream", "grpc", "test.Echo", "Chat", pairs([["x-meta", "yes"]]), SINK];
const goOn: readonly Step[] = [
  ["proxy_set_effective_context", STREAM],
  ["proxy_continue_stream", 0],
];
const add = (map: number, name: string, value: string): Step => ["proxy_add_header_map_value", map, name, value];
const say = (text: string): Step => ["proxy_log", 2, text];
const property = (...path: string[]): Step => ["proxy_get_property", path.join("\0"), OUT];
const does = (...steps: Step[]): Part => ({ steps });
const holds = (...steps: Step[]): Part => ({ steps, returns: PAUSE });

interface Row {
  readonly name: string;
  /** Callbacks that trap. */
  readonly traps?: readonly string[];
  /** What the module does in its callbacks. */
  readonly parts: Readonly<Record<string, Part>>;
  /** Of the case, below its name. */
  readonly yaml?: string;
}

const POST = "request: {method: POST, chunks: [one, two], trailers: {x-sum: 2}}";
const CHUNKED = "upstream: {status: 200, chunks: [first, second], trailers: {x-end: yes}}";

const STARTING: readonly Row[] = [
  {
    name: "proxy_on_context_create, vm_start and configure run in this order",
    parts: {
      proxy_on_context_create: does(property("plugin_name")),
      proxy_on_vm_start: { steps: [say("vm")], returns: 1 },
      proxy_on_configure: { steps: [["proxy_get_buffer_bytes", 7, 0, 100, OUT]], returns: 1 },
    },
    yaml: "config: {a: 1}\nexpect: {logs: ['{\"a\":1}']}",
  },
  {
    name: "a configuration that is refused",
    parts: { proxy_on_configure: { steps: [["proxy_log", 4, "no"]], returns: 0 } },
    yaml: "expect: {start: refused, logs: [{level: error, text: no}]}",
  },
  {
    name: "a VM that does not start",
    parts: { proxy_on_vm_start: { steps: [["proxy_log", 4, "no"]], returns: 0 } },
    yaml: "expect: {start: refused, logs: [{level: error, text: no}]}",
  },
  {
    name: "the root id and the environment",
    parts: { proxy_on_configure: { steps: [property("plugin_root_id"), ["environ_sizes_get", CELL, CELL]], returns: 1 } },
    yaml: "rootId: mine\nenv: {A: b, C: d}\nexpect: {logs: [mine]}",
  },
  {
    name: "metrics that are defined while it starts",
    parts: {
      proxy_on_configure: {
        returns: 1,
        steps: [
          ["proxy_define_metric", 0, "started", CELL],
          ["proxy_increment_metric", 4, 2n],
        ],
      },
    },
    yaml: "expect: {metrics: {started: 2}}",
  },
  {
    name: "a trap while it starts",
    parts: {},
    traps: ["proxy_on_configure"],
    yaml: "expect: {start: refused}",
  },
];

const REQUESTS: readonly Row[] = [
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

const RESPONSES: readonly Row[] = [
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

const ENDS: readonly Row[] = [
  {
    name: "proxy_on_log, done and delete come in this order",
    parts: {
      proxy_on_log: does(
        ["proxy_get_header_map_value", REQUEST, ":path", OUT],
        ["proxy_get_header_map_value", RESPONSE, ":status", OUT],
        ["proxy_get_header_map_value", RESPONSE_TRAILERS, "x-end", OUT],
      ),
      proxy_on_done: { returns: 1, steps: [say("done")] },
      proxy_on_delete: does(say("delete")),
    },
    yaml: `${CHUNKED}\nexpect: {logs: [/, "200", done, delete]}`,
  },
  {
    name: "the end of a stream that was held",
    parts: {
      proxy_on_request_headers: holds(),
      proxy_on_log: does(say("log")),
      proxy_on_done: { returns: 1, steps: [] },
      proxy_on_delete: does(say("delete")),
    },
    yaml: "patience: 300ms\nexpect: {held: request, logs: [log, delete]}",
  },
  {
    name: "the plugin is taken out: proxy_on_done and delete of its root",
    parts: { proxy_on_done: { returns: 1, steps: [say("root done")] }, proxy_on_delete: does(say("root delete")) },
    yaml: "exchanges:\n  - end: true\n    expect: {logs: [root done, root delete]}",
  },
  {
    name: "properties of a request and a response",
    parts: {
      proxy_on_request_headers: does(
        property("request", "method"),
        property("request", "path"),
        property("request", "host"),
        property("request", "headers", "x-a"),
        property("nothing"),
      ),
      proxy_on_log: does(property("response", "code"), property("request", "url_path")),
    },
    yaml: "request: {method: PUT, path: '/a?b', headers: {x-a: 1}}\nupstream: {status: 404}",
  },
  {
    name: "a property of the filter's own",
    parts: { proxy_on_request_headers: does(["proxy_set_property", "mine", "kept"]), proxy_on_response_headers: does(property("mine")) },
    yaml: "expect: {logs: [kept]}",
  },
];

/** Envoy tells the thread that registered the queue last. While a plugin starts that is any of them, so the request registers it, on the thread that holds it. */
const enqueues: readonly Step[] = [
  ["proxy_register_shared_queue", "jobs", KEEP],
  ["proxy_enqueue_shared_queue", KEPT, "job"],
];

const STATE: readonly Row[] = [
  {
    name: "state goes from one exchange to the next",
    parts: {
      proxy_on_configure: { returns: 1, steps: [["proxy_define_metric", 0, "seen", CELL]] },
      proxy_on_request_headers: does(["proxy_increment_metric", 4, 1n], ["proxy_get_metric", 4, CELL]),
    },
    yaml: "exchanges:\n  - expect: {metrics: {seen: 1}}\n  - expect: {metrics: {seen: 2}}",
  },
  {
    name: "and not to the next case",
    parts: {
      proxy_on_configure: { returns: 1, steps: [["proxy_define_metric", 0, "seen", CELL]] },
      proxy_on_request_headers: does(["proxy_increment_metric", 4, 1n]),
    },
    yaml: "expect: {metrics: {seen: 1}}",
  },
  {
    name: "a gauge and a histogram",
    parts: {
      proxy_on_configure: {
        returns: 1,
        steps: [
          ["proxy_define_metric", 1, "level", CELL],
          ["proxy_define_metric", 2, "spread", CELL],
        ],
      },
      proxy_on_request_headers: does(["proxy_record_metric", 5, 40n], ["proxy_increment_metric", 5, -2n], ["proxy_record_metric", 6, 7n]),
    },
    yaml: "expect: {metrics: {level: 38, spread: 7}}",
  },
  {
    name: "shared data and compare-and-swap",
    parts: {
      proxy_on_request_headers: does(
        ["proxy_get_shared_data", "key", OUT, SINK],
        ["proxy_set_shared_data", "key", "first", 0],
        ["proxy_get_shared_data", "key", OUT, SINK],
        ["proxy_set_shared_data", "key", "third", 99],
      ),
    },
    yaml: "exchanges:\n  - expect: {logs: [first]}\n  - expect: {logs: [first]}",
  },
  {
    name: "proxy_on_queue_ready takes what a request enqueued and lets it go on",
    parts: {
      proxy_on_request_headers: holds(...enqueues),
      proxy_on_queue_ready: does(["proxy_dequeue_shared_queue", KEPT, OUT], ["proxy_dequeue_shared_queue", KEPT, SINK, SINK], ...goOn),
    },
    yaml: "expect: {response: {status: 200}, held: null, logs: [job]}",
  },
  {
    name: "proxy_on_queue_ready counts a job and answers the request",
    parts: {
      proxy_on_configure: {
        returns: 1,
        steps: [["proxy_define_metric", 0, "jobs", CELL]],
      },
      proxy_on_request_headers: holds(...enqueues),
      proxy_on_queue_ready: does(
        ["proxy_increment_metric", 4, 1n],
        ["proxy_set_effective_context", STREAM],
        ["proxy_send_local_response", 202, "", "queued", "", -1],
      ),
    },
    yaml: "expect: {response: {status: 202, body: queued}, local: true, upstream: null, metrics: {jobs: 1}}",
  },
  {
    name: "a queue in which nothing arrives",
    parts: {
      proxy_on_configure: { returns: 1, steps: [["proxy_register_shared_queue", "jobs", KEEP]] },
      proxy_on_request_headers: does(["proxy_dequeue_shared_queue", KEPT, SINK, SINK]),
      proxy_on_queue_ready: does(say("ready")),
    },
    yaml: "expect: {response: {status: 200}}",
  },
  {
    name: "proxy_on_tick, once",
    parts: {
      proxy_on_configure: { returns: 1, steps: [["proxy_set_tick_period_milliseconds", 150]] },
      proxy_on_tick: does(say("tick"), ["proxy_set_tick_period_milliseconds", 0]),
    },
    yaml: "exchanges:\n  - advance: 300ms\n    expect: {logs: [tick]}",
  },
  {
    name: "a tick lets a held request go on",
    parts: {
      proxy_on_request_headers: holds(["proxy_set_tick_period_milliseconds", 100]),
      proxy_on_tick: does(["proxy_set_tick_period_milliseconds", 0], ...goOn),
    },
    yaml: "expect: {response: {status: 200}, held: null}",
  },
];

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

const CALLS: readonly Row[] = [
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

const GRPC = "callouts: [{cluster: grpc, grpc: test.Echo/Say, response: {messages: [hi there]}}]";
const closed: Part = does(["proxy_get_status", CELL, OUT], ...goOn);

const GRPC_CALLS: readonly Row[] = [
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

/** A module in the text format with more callbacks, which trap in a function of their own. */
function withTraps(text: string, names: readonly string[]): string {
  const functions = names.map((name) => {
    const type = callback("0.2.1", name);
    assert.ok(type !== undefined, name);
    const params = type.params.map((each) => `(param ${each})`).join(" ");
    return `(func $${name} (export "${name}") ${params} ${type.results.length > 0 ? "(result i32)" : ""} unreachable)`;
  });
  return text.replace(/\)$/, `${functions.join("\n")})`);
}

/** Runs a case in the sandbox, and tells which functions of the module were entered. Where Envoy does the same, it called them too. */
async function runCounted(one: Case, module: Uint8Array) {
  const counting = countEntries(module);
  assert.ok(counting.ok, counting.ok ? "" : counting.error.message);
  const instances: Readonly<Record<string, unknown>>[] = [];
  const sandbox = createSandbox(counting.value.bytes, { onExports: (exports) => instances.push(exports) });
  assert.ok(sandbox.ok, sandbox.ok ? "" : sandbox.error.message);
  const observed: Observed[] = [];
  const result = await runCase(one, sandbox.value, { onStep: (each) => observed.push(each) });
  const isEntered = (counter: string) => instances.some((exports) => (exports[counter] as { readonly value: number }).value !== 0);
  const called = counting.value.functions.flatMap(({ name, counter }) =>
    name?.startsWith("proxy_on_") && isEntered(counter) ? [name] : [],
  );
  return { result, observed, called };
}

const GROUPS = {
  starting: STARTING,
  requests: REQUESTS,
  responses: RESPONSES,
  ends: ENDS,
  state: STATE,
  "HTTP calls": CALLS,
  "gRPC calls": GRPC_CALLS,
};

/** Callbacks of the ABI that Envoy calls in an HTTP filter. Metadata frames are off in Envoy unless a listener asks for them, and no Envoy calls proxy_on_foreign_function by itself. */
const CALLBACKS = [
  ...["context_create", "vm_start", "configure", "tick", "queue_ready", "http_call_response", "done", "log", "delete"],
  ...["request_headers", "request_body", "request_trailers", "response_headers", "response_body", "response_trailers"],
  ...["grpc_receive", "grpc_receive_initial_metadata", "grpc_receive_trailing_metadata", "grpc_close"],
].map((name) => `proxy_on_${name}`);

describe("cases in the sandbox and in Envoy 1.40", { timeout: 240_000 }, () => {
  const hosts = installEnvoyVersion("1.40.0").then((path) => new EnvoyHosts({ path, version: "1.40.0" }));
  after(async () => (await hosts).stop());
  const seen = { cases: 0, differences: 0, called: new Set<string>() };

  for (const [group, rows] of Object.entries(GROUPS)) {
    describe(group, () => {
      for (const { name, parts, traps = [], yaml = "" } of rows) {
        test(name, async () => {
          const module = await wasm(withTraps(script(parts), traps), { names: true });
          const body = yaml.split("\n").map((line) => `    ${line}`);
          const file = parseCases(["cases:", `  - name: ${JSON.stringify(name)}`, ...body].join("\n"), name);
          assert.ok(file.ok, file.ok ? "" : file.error.message);
          for (const one of file.value.cases) {
            const { called, ...first } = await runCounted(one, module);
            const result = await compareWithEnvoy(one, first, (await hosts).of(module));
            seen.cases += 1;
            seen.differences += result.failure?.mismatches.filter(({ path }) => path === "difference").length ?? 0;
            assert.equal(result.note, undefined);
            assert.equal(result.outcome, "passed", result.failure && describeFailure(result, result.failure).join("\n"));
            for (const each of called) seen.called.add(each);
          }
        });
      }
    });
  }

  test("an Envoy that ends fails its case by name, and the next case has a new one", async () => {
    const envoys = await hosts;
    const module = await wasm(script({ proxy_on_request_headers: does(say("here")) }));
    const file = parseCases("cases: [{name: it is killed}, {name: the next}]", "ends");
    const sandbox = createSandbox(module);
    assert.ok(file.ok && sandbox.ok);
    const [killed, next] = file.value.cases;
    assert.ok(killed !== undefined && next !== undefined);
    const host = envoys.of(module);
    let pid = 0;
    const killing: CaseHost = {
      name: host.name,
      cannot: host.cannot,
      start: async (setup, callouts) => {
        const running = await host.start(setup, callouts);
        const run = running.run.bind(running);
        running.run = (step) => {
          pid = envoys.pid ?? 0;
          process.kill(pid, "SIGKILL");
          return run(step);
        };
        return running;
      },
    };
    const result = await runInBoth(killed, sandbox.value, killing);
    assert.deepEqual(result.failure?.mismatches, [
      {
        path: "Envoy in Envoy 1.40.0",
        line: 1,
        expected: "Envoy lives",
        got: 'Envoy ended (signal SIGKILL) while case "it is killed" ran',
      },
    ]);
    assert.equal((await runInBoth(next, sandbox.value, host)).outcome, "passed");
    assert.notEqual(envoys.pid, pid);
    // And in between two cases: what served it does not keep this process alive.
    process.kill(envoys.pid ?? 0, "SIGKILL");
    await envoys.stop();
    assert.equal(envoys.pid, undefined);
    assert.equal((await runInBoth(next, sandbox.value, host)).outcome, "passed");
  });

  for (const [name, step] of Object.entries({
    "a unary gRPC call to users": unary("users"),
    "a unary gRPC call to an empty name": unary(""),
    "a gRPC stream to users": ["proxy_grpc_stream", "users", "test.Echo", "Chat", pairs([]), SINK] satisfies Step,
  }))
    test(`${name} takes Envoy down, and the sandbox says so`, async () => {
      const module = await wasm(script({ proxy_on_request_headers: does(step) }));
      const sandbox = createSandbox(module);
      const file = parseCases("cases: [{name: one}]", "down");
      assert.ok(file.ok && sandbox.ok);
      for (const one of file.value.cases) {
        const result = await runInBoth(one, sandbox.value, (await hosts).of(module));
        assert.match(
          JSON.stringify(result.failure?.mismatches),
          /Envoy ended \(signal SIGABRT\) while case \\"one\\" ran: panic: unset oneof/,
        );
        assert.match((await runCase(one, sandbox.value)).failure?.trap?.message ?? "", /would crash the proxy: a gRPC call to/);
      }
    });

  test("there are 50 of them, every callback is called in them, and nothing differs", (t) => {
    assert.deepEqual(
      CALLBACKS.filter((name) => !seen.called.has(name)),
      [],
      "callbacks that no case called",
    );
    t.diagnostic(`${seen.cases} cases, ${seen.called.size} of ${CALLBACKS.length} callbacks called, ${seen.differences} differences`);
    assert.ok(seen.cases >= 50);
    assert.equal(seen.differences, 0);
  });
});
