import { isIP } from "node:net";

/** The name or address of a Host header, without its port. https://www.rfc-editor.org/rfc/rfc9110#section-7.2 */
export function hostname(host: string): string {
  return host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

/** `localhost` or an IP address, with or without a port. HTTP/1.0 clients send no Host and are no browsers. */
export function isLocalName(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = hostname(host);
  return name === "localhost" || isIP(name) !== 0;
}

/** Methods that change nothing. https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1 */
export function isSafe(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS";
}

/** The headers by which a browser says where a request comes from. */
export interface RequestSource {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`. https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header */
  readonly site: string | undefined;
}

/**
 * True when a web page of another origin sent the request. A browser puts Origin on every request with an unsafe method
 * (https://fetch.spec.whatwg.org/#origin-header) and Sec-Fetch-Site where the page cannot forge it; who sends neither is no browser.
 * A sandboxed page has the origin `null`, which is nobody's.
 */
export function isCrossOrigin({ host, origin, site }: RequestSource): boolean {
  if (site !== undefined && site !== "same-origin" && site !== "none") return true;
  return origin !== undefined && (host === undefined || URL.parse(origin)?.host !== host.toLowerCase());
}

/** True for a request that a page of this server sent, as its browser says. A cookie goes along from other ports of the same host too, so what one proves may change nothing without this. */
export function isOwnOrigin({ host, origin }: Pick<RequestSource, "host" | "origin">): boolean {
  return origin !== undefined && host !== undefined && URL.parse(origin)?.host === host.toLowerCase();
}
