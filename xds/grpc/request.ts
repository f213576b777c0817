import type { Headers } from "./hpack.ts";

const FORBIDDEN_HEADERS = ["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"];
const REQUEST_PSEUDO_HEADERS = [":method", ":scheme", ":path", ":authority"];

/** True when these can be the headers of a request. https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1 */
export function isRequest(headers: Headers): boolean {
  let regular = false;
  for (const [name, value] of headers) {
    if (name.startsWith(":")) {
      if (regular || value === "" || !REQUEST_PSEUDO_HEADERS.includes(name)) return false;
    } else regular = true;
    if (name !== name.toLowerCase() || FORBIDDEN_HEADERS.includes(name)) return false;
    if (name === "te" && value !== "trailers") return false;
  }
  return Boolean(headers.get(":method") && headers.get(":scheme") && headers.get(":path"));
}
