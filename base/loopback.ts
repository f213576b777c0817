import { isIPv4 } from "node:net";

/** True for a host name or an address that only this machine reaches. https://www.rfc-editor.org/rfc/rfc6761#section-6.3 */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}
