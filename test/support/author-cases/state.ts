import { CELL, KEEP, KEPT, OUT, SINK, type Step } from "../../../preflight/testing/script.ts";
import { does, goOn, holds, type Row, STREAM, say } from "./words.ts";

/** Envoy tells the thread that registered the queue last. While a plugin starts that is any of them, so the request registers it, on the thread that holds it. */
const enqueues: readonly Step[] = [
  ["proxy_register_shared_queue", "jobs", KEEP],
  ["proxy_enqueue_shared_queue", KEPT, "job"],
];

export const STATE: readonly Row[] = [
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
