import { lookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { Readable } from "node:stream";
import { getCACertificates } from "node:tls";
import type { Agent, buildConnector, Dispatcher } from "undici";
import { createOnce } from "../../base/once.ts";
import { shared } from "../../base/shared.ts";
import type { AddressClass, AddressPolicy, Reach } from "./address.ts";
import { isDirect, type Proxies } from "./proxies.ts";

/** What is used of a response. The body is as it came: `Content-Encoding` is left to whoever reads it. */
export interface FetchResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: (AsyncIterable<Uint8Array> & { cancel(): Promise<void> }) | null;
}

/** What is used of a request. */
export interface FetchInit {
  readonly method?: "GET" | "HEAD" | "POST" | "PUT";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

/**
 * One exchange over HTTP, at any port; follows no redirect. Rejects with an error that has an `AddressRefused` among its causes if nothing was sent. It is not the
 * `fetch` of browsers, which refuses ports that registries are at and decodes bodies that have a digest: https://fetch.spec.whatwg.org/#port-blocking
 */
export type Fetch = (url: string, init: FetchInit, reach: Reach) => Promise<FetchResponse>;

/** Nothing may be sent to this address. */
export class AddressRefused extends Error {
  readonly addressClass: AddressClass;
  constructor(addressClass: AddressClass) {
    super(`the address is ${addressClass}`);
    this.addressClass = addressClass;
  }
}

export interface FetchOptions {
  readonly policy: AddressPolicy;
  /** What requests go through; `false`: nothing. The proxy connects then, and looks names up once more. */
  readonly proxies: Proxies | false;
  /** Certificates of authorities as PEM, which are taken besides Node's own. */
  readonly ca?: readonly string[];
  readonly lookup?: LookupFunction;
}

/** Bytes of a response's header fields, all together: Node's own bound. */
const MAX_HEADER_BYTES = 16 << 10;
/** Answers that tell nothing (1xx) or stall end with the caller's time; this ends connecting. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Connections to one host at once; requests beyond it wait for one. */
const CONNECTIONS_PER_HOST = 16;

/**
 * A fetch that connects only where `policy` lets it. The addresses are those that the socket gets: a name is looked up once, and what is refused is
 * left out of the answer. Each reach has connections of its own, so that none that was opened for a registry serves a redirect.
 */
export function createFetch(options: FetchOptions): Fetch {
  const parts = createOnce(() => load(options));
  return async (url, init, reach) => {
    // An address in place of a name is not looked up, and a proxy would take it.
    const target = new URL(url);
    const refused = options.policy.refusedHost(target.hostname, reach);
    if (refused !== undefined) throw new AddressRefused(refused);
    const { request, agents, proxied } = await parts.get();
    const isDirectly = options.proxies === false || isDirect(target, options.proxies);
    if (!isDirectly) await vet(target.hostname, options, reach);
    const { method = "GET", body = null, headers = {}, signal } = init;
    const answer = await request(url, {
      method,
      body: body === null || body instanceof Uint8Array ? body : Readable.from(body, { objectMode: false }),
      headers: { accept: "*/*", ...headers },
      signal: signal ?? null,
      dispatcher: (isDirectly ? agents : proxied)[reach],
    });
    return { status: answer.statusCode, headers: headersOf(answer.headers), body: bodyOf(answer.body) };
  };
}

/** Of a body that nobody reads: what comes within a moment is taken in, so that the connection serves others; beyond it the connection ends. */
const DUMP = { bytes: 64 << 10, ms: 1_000 };

function bodyOf(body: Dispatcher.ResponseData["body"]): NonNullable<FetchResponse["body"]> {
  // What breaks off is told to whoever reads.
  body.on("error", () => {});
  return {
    [Symbol.asyncIterator]: () => body[Symbol.asyncIterator](),
    async cancel() {
      await body.dump({ limit: DUMP.bytes, signal: AbortSignal.timeout(DUMP.ms) }).catch(() => body.destroy());
    },
  };
}

function headersOf(fields: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(fields)) {
    for (const value of [values ?? []].flat()) {
      try {
        headers.append(name, value);
      } catch {
        // Nothing that is used has such characters.
      }
    }
  }
  return headers;
}

interface Parts {
  readonly request: typeof import("undici").request;
  readonly agents: Readonly<Record<Reach, Dispatcher>>;
  /** The same through the proxies. */
  readonly proxied: Readonly<Record<Reach, Dispatcher>>;
}

/** Loaded with the first request: it takes 50 ms of CPU. */
async function load(options: FetchOptions): Promise<Parts> {
  const { request, Agent, EnvHttpProxyAgent, buildConnector } = await import("./undici.ts");
  const { proxies } = options;
  const settings = (reach: Reach): Agent.Options => ({
    connect: guarded(buildConnector, options, reach),
    connections: CONNECTIONS_PER_HOST,
    allowH2: false,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  const agents = { registry: new Agent(settings("registry")), linked: new Agent(settings("linked")) };
  if (proxies === false) return { request, agents, proxied: agents };
  const { http: httpProxy = "", https: httpsProxy = "", except: noProxy } = proxies;
  const through = (reach: Reach) =>
    new EnvHttpProxyAgent({ ...settings(reach), httpProxy, httpsProxy, noProxy, requestTls: trusting(options) });
  return { request, agents, proxied: { registry: through("registry"), linked: through("linked") } };
}

/**
 * A name that this machine knows must have an address that may be reached, although a proxy will connect. One that only the proxy knows is the proxy's to refuse.
 */
async function vet(hostname: string, { policy, lookup: find = lookup }: FetchOptions, reach: Reach): Promise<void> {
  const bare = hostname.replace(/^\[|\]$/g, "");
  if (isIP(bare) !== 0) return; // `refusedHost` judged it
  const refused = await new Promise<unknown>((resolve) => allowedOnly(find, policy, reach)(bare, { all: true }, resolve));
  if (refused instanceof AddressRefused) throw refused;
}

/** Whom TLS connections trust. */
function trusting({ ca = [] }: FetchOptions): { readonly ca?: string[] } {
  return ca.length === 0 ? {} : { ca: [...getCACertificates("default"), ...ca] };
}

function guarded(build: typeof buildConnector, options: FetchOptions, reach: Reach): buildConnector.connector {
  const { policy, lookup: find = lookup } = options;
  const connect = build({ ...trusting(options), allowH2: false, timeout: CONNECT_TIMEOUT_MS, lookup: allowedOnly(find, policy, reach) });
  return (target, callback) => {
    // Others will use the connection too.
    shared(() =>
      connect(target, (...[error, socket]) => {
        if (error !== null) return callback(error, null);
        const where = policy.refused(socket.remoteAddress ?? "::", reach);
        if (where === undefined) return callback(null, socket);
        socket.destroy();
        callback(new AddressRefused(where), null);
      }),
    );
  };
}

/** The lookup without the addresses that are refused; an error when none is left. */
function allowedOnly(find: LookupFunction, policy: AddressPolicy, reach: Reach): LookupFunction {
  return (hostname, options, callback) =>
    find(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, "");
      const all = Array.isArray(found) ? found : [];
      const allowed = all.filter(({ address }) => policy.refused(address, reach) === undefined);
      const [first] = allowed;
      if (first === undefined) return callback(new AddressRefused(policy.refused(all[0]?.address ?? "::", reach) ?? "unspecified"), "");
      if (options.all) return callback(null, allowed);
      callback(null, first.address, first.family);
    });
}
