import { CELL, OUT } from "../../../preflight/testing/script.ts";
import { does, property, type Row, say } from "./words.ts";

export const STARTING: readonly Row[] = [
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
