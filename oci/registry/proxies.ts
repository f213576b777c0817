import { BlockList, isIP } from "node:net";
import { fail, ok, type Result } from "../../model/result.ts";
import { parseAddressRange } from "./address.ts";

/** Proxies that requests go through, as the environment names them. */
export interface Proxies {
  /** URLs; absent: none for that scheme. */
  readonly http: string | undefined;
  readonly https: string | undefined;
  /** Hosts that are reached without: names with everything below them, `*`, with a port or without, addresses and ranges of them. */
  readonly except: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What HTTP_PROXY, HTTPS_PROXY and NO_PROXY say, in small letters too, which win. `undefined`: no proxy. Fails with `InvalidProxy`; quotes none, as it may hold a password. */
export function readProxies(env: Environment): Result<Proxies | undefined> {
  const named = (name: string) => env[name.toLowerCase()] || env[name] || undefined;
  const [http, https] = [named("HTTP_PROXY"), named("HTTPS_PROXY")];
  for (const [name, value] of [
    ["HTTP_PROXY", http],
    ["HTTPS_PROXY", https],
  ]) {
    const url = value === undefined ? undefined : URL.parse(value);
    if (url === null || (url !== undefined && !/^https?:$/.test(url.protocol)))
      return fail("InvalidProxy", `${name} is not an http:// or https:// URL; correct it in the environment, or take it out`);
  }
  return ok(http === undefined && https === undefined ? undefined : { http, https, except: named("NO_PROXY") ?? "" });
}

/** True for what is never asked of a proxy: this machine, and the addresses that NO_PROXY names or has in a range. Names in NO_PROXY are undici's business. */
export function isDirect({ hostname }: URL, { except }: Proxies): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "");
  if (/^(?:.*\.)?localhost$/i.test(bare) || bare === "::1" || /^127\./.test(bare)) return true;
  const family = isIP(bare);
  if (family === 0) return false;
  const list = new BlockList();
  for (const text of except.split(/[\s,]+/)) {
    const range = parseAddressRange(text);
    if (range.ok) list.addSubnet(range.value.address, range.value.prefix, isIP(range.value.address) === 4 ? "ipv4" : "ipv6");
  }
  return list.check(bare, family === 4 ? "ipv4" : "ipv6");
}
