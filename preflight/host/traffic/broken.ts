import { createHeaderMap, type Pairs } from "../values/headers.ts";
import type { Message } from "../values/message.ts";

/** A message that Envoy cannot send after the plugin changed it. */
export interface BrokenMessage {
  readonly message: string;
  /** What the client gets instead; `undefined`: nothing valid. */
  readonly status: number | undefined;
}

const NAME = /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[^\0\r\n]*$/;

/** What Envoy's router and codecs refuse in a request, and with what status. */
export function brokenRequest({ headers }: Message): BrokenMessage | undefined {
  const map = createHeaderMap(headers);
  const required = [
    [":path", 404],
    [":authority", 400],
    [":method", 503],
  ] as const;
  const missing = required.find(([name]) => map.get(name) === undefined);
  if (missing !== undefined) return { message: `the request has no ${missing[0]}`, status: missing[1] };
  const bad = badName(headers) ?? headers.find(([, value]) => !VALUE.test(value))?.[0];
  if (bad === undefined) return undefined;
  return { message: `the request has a header that cannot be sent: ${JSON.stringify(bad)}`, status: bad === "" ? 400 : 503 };
}

/** The same for a response. */
export function brokenResponse({ headers }: Message): BrokenMessage | undefined {
  const status = createHeaderMap(headers).get(":status");
  if (status === undefined || !/^\d+$/.test(status))
    return { message: `the response has no status but ${status ?? "nothing"}`, status: 502 };
  const code = Number(status);
  if (code < 200 || code > 999) return { message: `the response has the status ${status}`, status: undefined };
  const bad = badName(headers);
  return bad === undefined
    ? undefined
    : { message: `the response has a header that cannot be sent: ${JSON.stringify(bad)}`, status: undefined };
}

function badName(headers: Pairs): string | undefined {
  return headers.find(([name]) => !NAME.test(name))?.[0];
}
