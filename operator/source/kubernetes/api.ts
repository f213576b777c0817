import type { KubeConfig, ResponseContext } from "@kubernetes/client-node";
import { readText } from "../../../base/read-text.ts";
import { clip, oneLine } from "../../../base/text.ts";
import { parseExactJson, printExactJson } from "../../../model/exact-json.ts";
import type { ApiFailure, ApiRequest, Fields, KubeApi, WatchEvent } from "../../../model/kube.ts";
import { ok } from "../../../model/result.ts";
import { isFields } from "../../parse/defaults.ts";
import { createAuthorize } from "./authorize.ts";

export interface KubeApiOptions {
  readonly kubeConfig: KubeConfig;
  /** Default 10 s. */
  readonly timeoutMs?: number;
  /** Default 90 s: the API server sends a bookmark about every minute. */
  readonly idleMs?: number;
}

/** No object is larger than etcd's request limit of 1.5 MiB; a line far beyond it is no event. */
const MAX_LINE = 16 * 1024 * 1024;

/** Bytes of an answer, unless a request says less. */
const MAX_ANSWER = 64 * 1024 * 1024;

/** Characters of an answer that is no JSON that are passed on. */
const LONGEST_WORDS = 200;

/** Reason of the failure where an answer has more bytes than it may. */
export const TOO_LARGE = "AnswerTooLarge";

/** Codes of a connection that the other side closed. */
const CLOSED: ReadonlySet<string> = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);

/** Code of a request that was not sent: its pool was left for a new one just before. */
const NOT_SENT = "UND_ERR_CLOSED";

export function createKubeApi({ kubeConfig, timeoutMs = 10_000, idleMs = 90_000 }: KubeApiOptions): KubeApi {
  const server = (kubeConfig.getCurrentCluster()?.server ?? "").replace(/\/+$/, "");
  const authorize = createAuthorize(kubeConfig);

  async function send(request: ApiRequest, signal: AbortSignal): Promise<ResponseContext> {
    // Loaded on first use: it takes half a second, which commands without a cluster should not spend.
    const { HttpMethod, IsomorphicFetchHttpLibrary, RequestContext } = await import("./http.ts");
    const context = new RequestContext(server + request.path, HttpMethod[request.method ?? "GET"]);
    for (const [name, value] of Object.entries(request.query ?? {})) context.setQueryParam(name, value);
    context.setHeaderParam("accept", request.accept ?? "application/json");
    context.setHeaderParam("user-agent", "weir");
    if (request.body !== undefined) {
      context.setHeaderParam("content-type", request.contentType ?? "application/json");
      context.setBody(printExactJson(request.body));
    }
    context.setSignal(signal);
    await authorize.apply(context);
    return new IsomorphicFetchHttpLibrary().send(context).toPromise();
  }

  /**
   * What was not sent is sent; what only reads is sent once more where a connection of before turns out to be closed, as Go's client does:
   * https://pkg.go.dev/net/http#Transport
   */
  async function sendAgain(request: ApiRequest, signal: AbortSignal): Promise<ResponseContext> {
    try {
      return await send(request, signal);
    } catch (error) {
      if (cause(error) === NOT_SENT && !signal.aborted) return send(request, signal);
      if ((request.method ?? "GET") !== "GET" || signal.aborted || !CLOSED.has(cause(error))) throw error;
      authorize.renew();
      return send(request, signal);
    }
  }

  return {
    server,
    async request(request) {
      const timeout = AbortSignal.timeout(timeoutMs);
      const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
      try {
        const response = await sendAgain(request, signal);
        const text = await textOf(response, request.maxBytes ?? MAX_ANSWER);
        if (text === undefined) return tooLarge(server, request.maxBytes ?? MAX_ANSWER);
        const body = parse(text);
        return response.httpStatusCode < 300 && body !== undefined ? ok(body) : refused(response.httpStatusCode, body, text);
      } catch (error) {
        if (cause(error) !== NOT_SENT) authorize.renew();
        return timeout.aborted ? unreachable(server, `no answer within ${timeoutMs / 1_000} s`) : unreachable(server, cause(error));
      }
    },
    async watch(request, onEvent) {
      const idle = new AbortController();
      const timer = setTimeout(() => idle.abort(), idleMs).unref();
      try {
        const response = await sendAgain(
          request,
          request.signal === undefined ? idle.signal : AbortSignal.any([idle.signal, request.signal]),
        );
        if (response.httpStatusCode !== 200) {
          const text = await response.body.text();
          return refused(response.httpStatusCode, parse(text), text);
        }
        for await (const line of lines(response, () => timer.refresh())) {
          const event = parse(line);
          if (event === undefined || !isFields(event.object)) continue;
          if (event.type === "ERROR") return refused(typeof event.object.code === "number" ? event.object.code : 500, event.object);
          onEvent(event as unknown as WatchEvent);
        }
        return ok(undefined);
      } catch (error) {
        if (cause(error) !== NOT_SENT) authorize.renew();
        return unreachable(server, idle.signal.aborted ? "the watch went silent" : cause(error));
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** The whole body; `undefined` if it has more bytes than that, and then it is not read to its end. */
async function textOf(response: ResponseContext, maxBytes: number): Promise<string | undefined> {
  const stream = response.body.stream();
  return stream === null ? "" : readText(stream, maxBytes);
}

/** Each byte is looked at once, however many chunks a line comes in. */
async function* lines(response: ResponseContext, onData: () => void): AsyncGenerator<string> {
  const stream = response.body.stream();
  if (stream === null) return;
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  let pending = 0;
  for await (const chunk of stream) {
    onData();
    const [first = "", ...others] = decoder.decode(chunk, { stream: true }).split("\n");
    pieces.push(first);
    pending += first.length;
    for (const other of others) {
      yield pieces.join("");
      pieces = [other];
      pending = other.length;
    }
    if (pending > MAX_LINE) throw new Error("an event without end");
  }
}

function parse(text: string): Fields | undefined {
  try {
    const value = read(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What is nested too deeply to keep its digits is refused for that later on. */
function read(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch (error) {
    if (error instanceof RangeError) return JSON.parse(text) as unknown;
    throw error;
  }
}

/**
 * What the API server says, or whatever answered in its place (a proxy, a load balancer): that has no Status, but words.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
 */
function refused(status: number, body: Fields | undefined, text = ""): { readonly ok: false; readonly error: ApiFailure } {
  const reason = typeof body?.reason === "string" && /^[A-Z][A-Za-z]+$/.test(body.reason) ? body.reason : `Http${status}`;
  const words = body === undefined && text !== "" ? `: ${clip(oneLine(text), LONGEST_WORDS)}` : "";
  const message = typeof body?.message === "string" && body.message !== "" ? body.message : `the API server answered ${status}${words}`;
  return { ok: false, error: { status, reason, message, retryable: status === 429 || status >= 500 || status === 409 } };
}

function tooLarge(server: string, maxBytes: number): { readonly ok: false; readonly error: ApiFailure } {
  const message = `the API server ${server} answered with more than ${maxBytes} bytes`;
  return { ok: false, error: { status: 0, reason: TOO_LARGE, message, retryable: true } };
}

function unreachable(server: string, why: string): { readonly ok: false; readonly error: ApiFailure } {
  return {
    ok: false,
    error: { status: 0, reason: "ApiServerUnreachable", message: `the API server ${server} cannot be reached: ${why}`, retryable: true },
  };
}

/** fetch hides the reason in `cause`. */
function cause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = (error.cause ?? error) as NodeJS.ErrnoException;
  return code ?? (error.cause instanceof Error ? error.cause.message : error.message);
}
