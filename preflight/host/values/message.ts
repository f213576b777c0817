import type { Pairs } from "./headers.ts";

/** An HTTP message as it goes over the wire: headers (with `:method`, `:path`, `:authority`, or `:status`), body in the chunks it arrives in, trailers. */
export interface Message {
  readonly headers: Pairs;
  readonly body: readonly Uint8Array[];
  readonly trailers: Pairs;
}

export function message(headers: Pairs, body: readonly (string | Uint8Array)[] = [], trailers: Pairs = []): Message {
  return { headers, body: body.map((chunk) => (typeof chunk === "string" ? Buffer.from(chunk) : chunk)), trailers };
}

export function bodyOf(whole: Message): Buffer {
  return Buffer.concat(whole.body);
}
