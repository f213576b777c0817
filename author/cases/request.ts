import { type Message, message, type Pairs } from "../../preflight/index.ts";

/** Where nobody says otherwise. */
export const DEFAULTS = {
  method: "GET",
  path: "/",
  host: "example.com",
  scheme: "http",
  /** As a proxy makes one for each request; the same each time, so that tests can tell. */
  requestId: "00000000-0000-4000-8000-000000000000",
  /** Milliseconds that a client waits for its answer. */
  patience: 5000,
} as const;

export interface RequestParts {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly scheme: string;
  readonly headers: Pairs;
  readonly body: readonly Uint8Array[];
  readonly trailers: Pairs;
}

/** A request as the proxy hands it to its filters: what every request has stands first, then the client's headers, then what the proxy adds. */
export function requestMessage({ method, path, host, scheme, headers, body, trailers }: RequestParts): Message {
  const has = (name: string) => headers.some(([key]) => key === name);
  const added: Pairs = [
    ...(has("x-forwarded-proto") ? [] : [["x-forwarded-proto", "http"] as const]),
    ...(has("x-request-id") ? [] : [["x-request-id", DEFAULTS.requestId] as const]),
  ];
  const pseudo: Pairs = [
    [":method", method],
    [":path", path],
    [":authority", host],
    [":scheme", scheme],
  ];
  return message([...pseudo, ...headers, ...added], body, trailers);
}
