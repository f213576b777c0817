import { type Connection, type Exchange, message } from "../host/index.ts";

/** The synthetic requests: one without a body, one with body and trailers, one that the upstream answers with 503. */
export const EXCHANGES: readonly { readonly title: string; readonly exchange: Exchange }[] = [
  {
    title: "GET /",
    exchange: {
      request: message([...head("GET", "/"), ["accept", "*/*"]]),
      response: message(
        [
          [":status", "200"],
          ["content-type", "text/plain"],
          ["content-length", "6"],
        ],
        ["hello\n"],
      ),
    },
  },
  {
    title: "POST /submit?kind=test",
    exchange: {
      request: message(
        [...head("POST", "/submit?kind=test"), ["content-type", "application/json"], ["cookie", "session=0"]],
        ['{"name":"weir",', '"size":3}'],
        [["x-checksum", "0"]],
      ),
      response: message(
        [
          [":status", "200"],
          ["content-type", "application/json"],
        ],
        ['{"ok":', "true}"],
        [["x-finished", "yes"]],
      ),
    },
  },
  {
    title: "GET /failing",
    exchange: {
      request: message(head("GET", "/failing")),
      response: message([
        [":status", "503"],
        ["content-length", "0"],
      ]),
    },
  },
];

export const CONNECTION: Connection = { downstream: Buffer.from("ping\n"), upstream: Buffer.from("pong\n") };

function head(method: string, path: string): [string, string][] {
  return [
    [":method", method],
    [":path", path],
    [":authority", "preflight.example"],
    [":scheme", "http"],
    ["user-agent", "weir-preflight"],
    ["x-request-id", "00000000-0000-4000-8000-000000000000"],
  ];
}
