import { isLoopback } from "../../base/loopback.ts";
import { hostname } from "../origin.ts";

/** Cookies of a page's session. https://www.rfc-editor.org/rfc/rfc6265 */

/** 256 bits in base64url. */
const ID = /^[\w-]{43}$/;

/**
 * A cookie is of a host whatever its port: the name has the port, so that two Weirs on one machine do not sign each other's people out. On TLS only this host may set it:
 * https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-__host-prefix
 */
function nameFor(host: string, isTls: boolean): string {
  const port = /:(\d{1,5})$/.exec(host)?.[1];
  return `${isTls ? "__Host-" : ""}weir${port === undefined ? "" : `-${port}`}`;
}

/** What a `Set-Cookie` header says. `seconds`: how long it is kept; 0: it goes. */
export function printCookie(id: string, host: string, isTls: boolean, seconds: number): string {
  const secure = isTls ? "; Secure" : "";
  return `${nameFor(host, isTls)}=${id}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${secure}`;
}

/**
 * The id of a session in a `Cookie` header; that which only TLS can set comes first. The other one is of loopback names alone, where people sign in without TLS: elsewhere a sibling of
 * the host could have set it, to have people act in a session of its own.
 */
export function readCookie(header: string | undefined, host: string): string | undefined {
  const pairs = (header ?? "").split(";").map((pair) => pair.trim().split("=") as [string, string?]);
  for (const isTls of isLoopback(hostname(host)) ? [true, false] : [true]) {
    const value = pairs.find(([name]) => name === nameFor(host, isTls))?.[1];
    if (value !== undefined && ID.test(value)) return value;
  }
  return undefined;
}
