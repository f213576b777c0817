import { isFields } from "./defaults.ts";
import { joinPath, type Problem } from "./problem.ts";

/** Bytes of a request's body. The schema counts characters. */
const MAX_BODY = 65_536;

/** Envoy takes these off every request before a filter sees it. */
const NEVER_SEEN: ReadonlySet<string> = new Set(["keep-alive", "proxy-connection", "transfer-encoding"]);
/** These too, but for the request that asks for a WebSocket. */
const OF_UPGRADES: ReadonlySet<string> = new Set(["connection", "upgrade"]);

/** What no request to a filter on a proxy could be: `spec.preflight.requests` says what real ones look like. Of a spec that passed the schema. */
export function requestProblems(spec: unknown): Problem[] {
  const preflight = isFields(spec) && isFields(spec.preflight) ? spec.preflight : {};
  const requests = Array.isArray(preflight.requests) ? (preflight.requests as unknown[]) : [];
  return requests.flatMap((request, index) => (isFields(request) ? ofRequest(request, joinPath("spec.preflight.requests", index)) : []));
}

function ofRequest({ method, headers, body = "" }: Readonly<Record<string, unknown>>, at: string): Problem[] {
  const length = Buffer.byteLength(String(body));
  return [
    ...(method === "CONNECT" ? [{ path: `${at}.method`, message: "a CONNECT has no path, and meets no filter; leave it out" }] : []),
    ...(length > MAX_BODY ? [{ path: `${at}.body`, message: `must have at most ${MAX_BODY} bytes; it has ${length}` }] : []),
    ...ofHeaders(headers, length, `${at}.headers`),
  ];
}

function ofHeaders(given: unknown, length: number, at: string): Problem[] {
  const headers = (Array.isArray(given) ? given : []).map(({ name, value }) => ({
    name: String(name).toLowerCase(),
    value: String(value),
  }));
  const has = (wanted: string, pattern: RegExp) => headers.some(({ name, value }) => name === wanted && pattern.test(value));
  const isUpgrade = has("connection", /\bupgrade\b/i) && has("upgrade", /./);
  return headers.flatMap(({ name, value }, index) => {
    const path = joinPath(at, index);
    if (NEVER_SEEN.has(name) || (OF_UPGRADES.has(name) && !isUpgrade))
      return [{ path: `${path}.name`, message: `a proxy takes ${name} off before a filter sees the request; leave it out` }];
    if (name !== "content-length" || value === String(length)) return [];
    return [{ path: `${path}.value`, message: `not the length of the body, which has ${length} bytes; leave it out, it is added` }];
  });
}
