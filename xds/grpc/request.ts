import type { Headers } from "./hpack.ts";

const FORBIDDEN_HEADERS: ReadonlySet<string> = new Set(["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"]);
const REQUEST_PSEUDO_HEADERS: ReadonlySet<string> = new Set([":method", ":scheme", ":path", ":authority"]);
/** Upper case, blanks, control characters and all beyond ASCII. https://www.rfc-editor.org/rfc/rfc9113#section-8.2.1 */
const NOT_IN_NAMES = /[^\x21-\x40\x5b-\x7e]/;

/** True when these can be the headers of a request. https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1 */
export function isRequest(headers: Headers): boolean {
  let regular = false;
  for (const name of headers.keys()) {
    if (REQUEST_PSEUDO_HEADERS.has(name)) {
      if (regular || headers.get(name) === "") return false;
    } else if (name.startsWith(":") || FORBIDDEN_HEADERS.has(name) || NOT_IN_NAMES.test(name)) return false;
    else regular = true;
  }
  const te = headers.get("te");
  return (te === undefined || te === "trailers") && headers.has(":method") && headers.has(":scheme") && headers.has(":path");
}
