import type { SampleRequest } from "../../model/proof.ts";
import { type Connection, type Exchange, message } from "../host/index.ts";

/** An exchange that a plugin is proved by. */
export interface Sample {
  readonly title: string;
  readonly exchange: Exchange;
}

const AUTHORITY = "preflight.example";
const REQUEST_ID = "00000000-0000-4000-8000-000000000000";

const OK = message(
  [
    [":status", "200"],
    ["content-type", "text/plain"],
    ["content-length", "6"],
  ],
  ["hello\n"],
);

/** The synthetic requests: one without a body, one with body and trailers, one that the upstream answers with 503. */
const SYNTHETIC: readonly Sample[] = [
  {
    title: "GET /",
    exchange: {
      request: message([...head("GET", "/"), ["accept", "*/*"]]),
      response: OK,
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

const LONGEST_TITLE = 80;

/** What these requests come to, each answered with 200; the synthetic ones where there are none. */
export function samplesOf(requests: readonly SampleRequest[]): readonly Sample[] {
  return requests.length === 0 ? SYNTHETIC : requests.map(sampleOf);
}

function sampleOf({ method, path, headers, body }: SampleRequest): Sample {
  const own = headers.map(({ name, value }) => [name.toLowerCase(), value] as const);
  const has = (wanted: string) => own.some(([name]) => name === wanted);
  // As a proxy completes what a client sent.
  const completed: [string, string][] = [
    ...(has("x-request-id") ? [] : ([["x-request-id", REQUEST_ID]] as [string, string][])),
    ...(body === "" || has("content-length") || has("transfer-encoding")
      ? []
      : ([["content-length", String(Buffer.byteLength(body))]] as [string, string][])),
  ];
  const pseudo: [string, string][] = [
    [":method", method],
    [":path", path],
    [":authority", own.find(([name]) => name === "host")?.[1] ?? AUTHORITY],
    [":scheme", "http"],
  ];
  const all = [...pseudo, ...own.filter(([name]) => name !== "host"), ...completed];
  const request = message(all, body === "" ? [] : [body]);
  return { title: `${method} ${path}`.slice(0, LONGEST_TITLE), exchange: { request, response: OK } };
}

export const CONNECTION: Connection = { downstream: Buffer.from("ping\n"), upstream: Buffer.from("pong\n") };

function head(method: string, path: string): [string, string][] {
  return [
    [":method", method],
    [":path", path],
    [":authority", AUTHORITY],
    [":scheme", "http"],
    ["user-agent", "weir-preflight"],
    ["x-request-id", REQUEST_ID],
  ];
}
