import { proxy_get_status, proxy_http_call } from "./abi/imports";
import { at, CELL, SIZE, THIRD, takeText } from "./abi/memory";
import { encodePairs, Header } from "./abi/pairs";
import { BufferType, MapType, Status } from "./abi/types";
import { utf8 } from "./abi/utf8";
import { onHttpAnswer } from "./answers";
import { Body } from "./body";
import { Call, Callback } from "./callback";
import { Headers } from "./headers";
import { add, emptyTable, find, remove, Table } from "./table";

/** What a service answered. It can be read until the callback returns. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_on_http_call_response */
export class HttpResponse {
  readonly headers: Headers = Headers.of(MapType.CallResponseHeaders);
  readonly body: Body = Body.of(BufferType.CallResponseBody);
  readonly trailers: Headers = Headers.of(MapType.CallResponseTrailers);

  constructor(
    /** False: no answer came, for the connection broke; the rest is empty then. Envoy makes a 503 or a 504 of one that cannot be made or is too late. */
    public isThere: bool,
  ) {}

  /** The HTTP status. 0: no answer came. */
  get status(): u32 {
    const text = this.headers.get(":status");
    return text === null ? 0 : <u32>parseInt(text);
  }
}

/** What waits for an answer. It is dropped, unanswered, when its context ends first. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_on_http_call_response */
export abstract class HttpCallback extends Callback {
  /** The answer is here, or the call has failed. `proxy_on_http_call_response` */
  abstract onResponse(response: HttpResponse): void;
}

/** Made when the first call is: a filter that makes none does not carry it. */
let calls: Table = changetype<Table>(0);

/**
 * Asks another service, through one of the proxy's clusters. `headers` needs `:method`, `:path` and `:authority`. A stream that waits for the answer gives
 * `Action.Pause` and goes on by `continueRequest()`, `continueResponse()` or `respond()` in `onResponse`.
 * Gives BadArgument when there is no such cluster or a header is missing: then `onResponse` is not called.
 * https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_http_call
 */
export function httpCall(
  cluster: string,
  headers: Header[],
  callback: HttpCallback,
  body: ArrayBuffer = new ArrayBuffer(0),
  timeoutMilliseconds: u32 = 5000,
  trailers: Header[] | null = null,
): Status {
  const name = utf8(cluster);
  const pairs = encodePairs(headers);
  const last = encodePairs(trailers);
  const status = proxy_http_call(
    at(name),
    name.byteLength,
    at(pairs),
    pairs.byteLength,
    at(body),
    body.byteLength,
    at(last),
    last.byteLength,
    timeoutMilliseconds,
    CELL,
  );
  if (status == Status.Ok) {
    if (changetype<usize>(calls) == 0) {
      calls = emptyTable();
      onHttpAnswer(answer);
    }
    add(calls, new Call(load<u32>(CELL), callback, false));
  }
  return status;
}

/** https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_on_http_call_response */
function answer(token: u32, headerCount: u32): void {
  const call = changetype<Call | null>(find(calls, token));
  if (call === null) return;
  remove(calls, call);
  if (call.resume()) changetype<HttpCallback>(call.callback).onResponse(new HttpResponse(headerCount > 0));
}

/** Why a call failed, in the proxy's words; to be asked in `onResponse` and `onClose`. https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1#proxy_get_status */
export function callFailure(): string {
  store<u32>(SIZE, 0);
  return proxy_get_status(THIRD, CELL, SIZE) == Status.Ok ? takeText() : "";
}
