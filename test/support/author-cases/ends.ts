import { OUT } from "../../../preflight/testing/script.ts";
import { CHUNKED, does, holds, property, REQUEST, RESPONSE, RESPONSE_TRAILERS, type Row, say } from "./words.ts";

export const ENDS: readonly Row[] = [
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
