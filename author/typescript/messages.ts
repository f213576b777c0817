import { bodyOf, type Message, message, type Pairs } from "../../preflight/index.ts";
import type { ObservedCall } from "../cases/observed.ts";
import { DEFAULTS, requestMessage } from "../cases/request.ts";
import type { AnswerGiven, Callout, ExchangeGiven, HeadersGiven, HeadersGot, MessageGot, RequestGot, ResponseGot } from "./types.ts";

/** What a test writes, as the host takes it, and what the host gives, as a test reads it. */

export function requestOf(given: ExchangeGiven): Message {
  const { method, path, host, scheme } = { ...DEFAULTS, ...given };
  return requestMessage({
    method,
    path,
    host,
    scheme,
    headers: pairsOf(given.headers),
    body: chunksOf(given),
    trailers: pairsOf(given.trailers),
  });
}

export function answerOf(given: AnswerGiven = {}): Message {
  const status: Pairs = [[":status", String(given.status ?? 200)]];
  return message([...status, ...pairsOf(given.headers)], chunksOf(given), pairsOf(given.trailers));
}

function chunksOf({ body, chunks }: Pick<AnswerGiven, "body" | "chunks">): Uint8Array[] {
  if (body !== undefined && chunks !== undefined)
    throw new TypeError("body and chunks stand beside each other; a body is one or the other");
  return (chunks ?? (body === undefined ? [] : [body])).map(bytesOf).filter(({ length }) => length > 0);
}

export function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? Buffer.from(value) : value;
}

export function pairsOf(headers: HeadersGiven = {}): Pairs {
  return Object.entries(headers).flatMap(([name, value]) => {
    const values = typeof value === "string" ? [value] : value;
    return values.map((each) => [name.toLowerCase(), each] as const);
  });
}

export function requestGot(whole: Message): RequestGot {
  const pseudo = headersOf(whole.headers);
  const { ":method": method = "", ":path": path = "", ":authority": host = "", ":scheme": scheme = "" } = pseudo;
  return { method, path, host, scheme, ...messageGot(whole) };
}

export function responseGot(whole: Message): ResponseGot {
  return { status: Number(headersOf(whole.headers)[":status"]), ...messageGot(whole) };
}

function messageGot(whole: Message): MessageGot {
  const allHeaders = whole.headers.filter(([name]) => !name.startsWith(":"));
  const bytes = bodyOf(whole);
  return { headers: headersOf(allHeaders), allHeaders, body: bytes.toString("utf8"), bytes, trailers: headersOf(whole.trailers) };
}

function headersOf(pairs: Pairs): HeadersGot {
  const headers: Record<string, string> = {};
  for (const [name, value] of pairs) headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  return headers;
}

export function calloutGot({ cluster, grpc, message: whole, timeoutMs }: ObservedCall): Callout {
  const { method, path, host, headers, body, trailers } = requestGot(whole);
  return { cluster, grpc, method, path, host, headers, body, messages: whole.body, trailers, timeout: timeoutMs };
}
