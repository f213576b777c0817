import { createHeaderMap, type Pairs } from "../values/headers.ts";
import type { Message } from "../values/message.ts";

/** A message that Envoy cannot send after the plugin changed it. */
export interface BrokenMessage {
  readonly direction: "request" | "response";
  readonly message: string;
  /** What the client gets instead; `undefined`: nothing valid. */
  readonly status: number | undefined;
}

const PROTO = "x-forwarded-proto";
const NAME = /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[^\0\r\n]*$/;

/** What Envoy's router and codecs refuse in a request, and with what status. `sent`: as the client sent it. */
export function brokenRequest({ headers }: Message, sent: Message): BrokenMessage | undefined {
  const direction = "request";
  const map = createHeaderMap(headers);
  const required = [
    [":path", 404],
    [":authority", 400],
    [":method", 503],
  ] as const;
  const missing = required.find(([name]) => map.get(name) === undefined);
  if (missing !== undefined) return { direction, message: `the request has no ${missing[0]}`, status: missing[1] };
  // Every change of headers lets Envoy look for the route again, which it does not do without this one. It is there in all requests of a real client.
  const hadProto = sent.headers.some(([name]) => name === PROTO);
  if (hadProto && map.get(PROTO) === undefined) return { direction, message: `the request has no ${PROTO}`, status: 404 };
  const bad = badName(headers) ?? headers.find(([, value]) => !VALUE.test(value))?.[0];
  if (bad === undefined) return undefined;
  return { direction, message: `the request has a header that cannot be sent: ${JSON.stringify(bad)}`, status: bad === "" ? 400 : 503 };
}

/** The same for a response. */
export function brokenResponse({ headers }: Message): BrokenMessage | undefined {
  const direction = "response";
  const status = createHeaderMap(headers).get(":status");
  if (status === undefined || !/^\d+$/.test(status))
    return { direction, message: `the response has no status but ${status ?? "nothing"}`, status: 502 };
  const code = Number(status);
  if (code < 200 || code > 999) return { direction, message: `the response has the status ${status}`, status: undefined };
  const bad = badName(headers);
  return bad === undefined
    ? undefined
    : { direction, message: `the response has a header that cannot be sent: ${JSON.stringify(bad)}`, status: undefined };
}

function badName(headers: Pairs): string | undefined {
  return headers.find(([name]) => !NAME.test(name))?.[0];
}
