import { printBytes } from "../../base/byte-count.ts";
import { readBytes } from "../../base/read-text.ts";
import type { Clock } from "../../model/clock.ts";
import type { Metrics } from "../../model/metrics.ts";
import { type Failure, fail, failForNow, ok, type Result } from "../../model/result.ts";
import type { Reach } from "./address.ts";
import { causeOf, refusalOf } from "./cause.ts";
import { decode, encodingsOf } from "./encoding.ts";
import type { Fetch, FetchInit, FetchResponse } from "./fetch.ts";
import { MIN_BYTES_PER_SECOND, Watch } from "./watch.ts";

export interface HttpOptions {
  readonly fetch: Fetch;
  readonly clock: Clock;
  /** `host[:port]`s to use plain HTTP with. Loopback hosts always use it. */
  readonly plainHttp: ReadonlySet<string>;
  /** Milliseconds without a byte from the server, after which the request fails; so it does when the server is slower than `Watch` lets it be. */
  readonly idleTimeoutMs: number;
  /** Milliseconds for one exchange as a whole. */
  readonly totalTimeoutMs: number;
  /** A number in [0, 1) for jitter. */
  readonly random: () => number;
  readonly metrics: Metrics;
}

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** The origin of the registry that the image names, which may have a private address, at any port (see `reachOf`). Other hosts may not. */
  readonly registry?: string | undefined;
  /** Sent to the origin of `url` only: a redirect to any other origin goes without it. */
  readonly authorization?: string | undefined;
  /** Bytes, or pieces that come as they are sent. */
  readonly body?: Uint8Array<ArrayBuffer> | Pieces;
  readonly signal?: AbortSignal | undefined;
}

/** A response whose body has not been read. Exactly one of `chunks` and `discard` must be called. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  /** The body as it arrives, with whatever `Content-Encoding` it has. Throws `Interrupted` when the connection breaks, is idle too long or too slow, or when the caller's signal fires. */
  chunks(): AsyncGenerator<Uint8Array>;
  discard(): Promise<void>;
}

/** The body ended early. `failure` says why, and `mayResume` whether the rest is worth another request. */
export class Interrupted extends Error {
  readonly failure: Failure;
  readonly mayResume: boolean;
  constructor(failure: Failure, mayResume = failure.reason !== "Canceled") {
    super(failure.message);
    this.failure = failure;
    this.mayResume = mayResume && failure.reason !== "Canceled";
  }
}

/** How often an answer may send elsewhere. */
export const MAX_REDIRECTS = 5;

/** Where an answer to a question at `from` sends who asked; `undefined`: nowhere, it is the answer; `null`: to no URL. https://www.rfc-editor.org/rfc/rfc9110#section-15.4 */
export function redirectOf({ status, headers }: Pick<HttpResponse, "status" | "headers">, from: URL): URL | null | undefined {
  const location = headers.get("location");
  return [301, 302, 303, 307, 308].includes(status) && location !== null ? URL.parse(location, from.href) : undefined;
}

/**
 * One exchange over HTTP: follows redirects of GET and HEAD, sends credentials to no other host, and fails when the server is idle too long or too slow.
 * A status of 4xx or 5xx is an answer, not a failure. Fails with `RegistryUnavailable` (retryable), `AddressRefused` or `Canceled`.
 */
export async function send(options: HttpOptions, request: HttpRequest): Promise<Result<HttpResponse>> {
  let url = request.url;
  let authorization = request.authorization;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const answer = await exchange(options, { ...request, url, authorization });
    if (!answer.ok) return answer;
    const next = redirectOf(answer.value, url);
    if (next === undefined || (request.method !== "GET" && request.method !== "HEAD")) return answer;
    await answer.value.discard();
    if (next === null) return unavailable(url, "it redirects to something that is not a URL");
    // From HTTPS no redirect may lead to plain HTTP: a registry could point at services inside this network.
    if (next.protocol !== "https:" && !(next.protocol === "http:" && url.protocol === "http:")) {
      return unavailable(url, `it redirects to ${next.protocol}//${next.host}, which is not HTTPS`);
    }
    if (next.origin !== url.origin) authorization = undefined;
    url = next;
  }
  return unavailable(request.url, `it redirects more than ${MAX_REDIRECTS} times`);
}

async function exchange(options: HttpOptions, request: HttpRequest): Promise<Result<HttpResponse>> {
  const { url } = request;
  if (!/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "")
    return fail("RegistryRefused", `a link to ${url.host} is not http:// or https://, or holds a username; such links are not followed`);
  const reach = reachOf(options, url, request.registry);
  const { clock, idleTimeoutMs, totalTimeoutMs } = options;
  const watch = new Watch({ clock, idleTimeoutMs, totalTimeoutMs, uploadBytes: request.body?.byteLength ?? 0, signal: request.signal });
  const headers: Record<string, string> = { "accept-encoding": "identity", "user-agent": "weir", ...request.headers };
  if (request.authorization !== undefined) headers.authorization = request.authorization;
  try {
    const init = { method: request.method, headers, signal: watch.signal };
    const body = request.body === undefined ? {} : bodyOf(request.body, headers, watch);
    const response = await options.fetch(url.href, { ...init, ...body }, reach);
    watch.alive();
    return ok({
      status: response.status,
      headers: response.headers,
      url,
      chunks: () => readChunks(response, url, watch),
      async discard() {
        watch.stop();
        await response.body?.cancel().catch(() => {});
      },
    });
  } catch (error) {
    watch.stop();
    return { ok: false, error: refusalOf(error, url, reach) ?? explain(error, url, watch) };
  }
}

/** A body that is sent as it comes. It is sent once: a request with it is not repeated. */
export interface Pieces {
  readonly byteLength: number;
  readonly pieces: AsyncIterable<Uint8Array>;
}

function bodyOf(body: Uint8Array<ArrayBuffer> | Pieces, headers: Record<string, string>, watch: Watch): Pick<FetchInit, "body"> {
  if (body instanceof Uint8Array) return { body };
  headers["content-length"] = String(body.byteLength);
  return { body: watched(body.pieces, watch) };
}

/** Each piece that goes out shows that the server takes them. */
async function* watched(pieces: AsyncIterable<Uint8Array>, watch: Watch): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    watch.alive();
    yield piece;
  }
}

/**
 * A registry's tokens, or its storage, may be at another port of the same host: over HTTPS, where the certificate shows that it is that host whatever its name was
 * looked up to, and over HTTP where the user listed the port.
 */
function reachOf({ plainHttp }: HttpOptions, url: URL, registry: string | undefined): Reach {
  if (url.origin === registry) return "registry";
  const isSameHost = registry !== undefined && url.hostname === new URL(registry).hostname;
  return isSameHost && (url.protocol === "https:" || plainHttp.has(url.host)) ? "registry" : "linked";
}

async function* readChunks(response: FetchResponse, url: URL, watch: Watch): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response.body ?? []) {
      watch.came(chunk);
      yield chunk;
      watch.resume();
    }
  } catch (error) {
    throw new Interrupted(explain(error, url, watch), watch.reason !== "slow");
  } finally {
    watch.stop();
  }
}

function explain(error: unknown, url: URL, watch: Watch): Failure {
  if (watch.reason === "canceled") return failForNow("Canceled", `the request to ${url.host} was canceled`).error;
  if (watch.reason === "slow") return tooSlow(url);
  if (watch.reason === "silent") return unavailable(url, "it did not answer in time").error;
  return unavailable(url, causeOf(error)).error;
}

function tooSlow({ host }: URL): Failure {
  const floor = printBytes(MIN_BYTES_PER_SECOND);
  return failForNow("RegistryUnavailable", `${host} sends less than ${floor} a second; check its load, and the network before it`).error;
}

/** A retryable failure that names the host and never the path or query, which may carry a signature. */
export function unavailable(url: URL, why: string) {
  return failForNow("RegistryUnavailable", `${url.host} cannot be reached: ${why}`);
}

/** `http:` for loopback hosts and those listed, else `https:`. */
export function schemeFor(host: string, plainHttp: ReadonlySet<string>): "http:" | "https:" {
  return isPlain(host, plainHttp) ? "http:" : "https:";
}

function isPlain(host: string, plainHttp: ReadonlySet<string>): boolean {
  if (plainHttp.has(host)) return true;
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || name === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(name);
}

/** What a body is said to be; `""`: nothing is said. */
export function mediaTypeOf(headers: Headers): string {
  return headers.get("content-type")?.split(";")[0]?.trim() ?? "";
}

/** The whole body, decoded, at most `limit` bytes; `undefined` when it has more. Throws `Interrupted`. */
export async function readBody(response: HttpResponse, limit: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const raw = await readRaw(response, limit);
  // Some stores say an encoding that is not there.
  return raw === undefined ? undefined : ((await decode(raw, encodingsOf(response.headers), limit)) ?? raw);
}

/** The whole body as it came. */
export async function readRaw(response: HttpResponse, limit: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const whole = await readBytes(response.chunks(), limit);
  return whole === undefined ? undefined : new Uint8Array(whole.buffer, whole.byteOffset, whole.byteLength);
}

/** As `readBody`, with a connection that breaks as a failure. */
export async function boundedBody(response: HttpResponse, limit: number): Promise<Result<Uint8Array | undefined>> {
  try {
    return ok(await readBody(response, limit));
  } catch (error) {
    if (error instanceof Interrupted) return { ok: false, error: error.failure };
    throw error;
  }
}
