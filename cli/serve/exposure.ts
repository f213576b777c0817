import { isLoopback } from "../../base/loopback.ts";
import { ok, type Result } from "../../model/result.ts";
import type { Address } from "../args/address.ts";
import { usage } from "../args/usage.ts";

/** Who can reach what a server opens, and what it asks of them. */
export interface Exposure {
  readonly xds: Address;
  readonly http: Address;
  readonly hasTls: boolean;
  /** The xDS port asks for a client certificate or a token. */
  readonly asksProxies: boolean;
  /** The read API asks for a token. */
  readonly asksReaders: boolean;
  readonly insecureXds: boolean;
  readonly insecureHttp: boolean;
}

/** What to warn of at the start. A port that others reach and that is not protected needs its flag: without it this is wrong usage, and says what is missing. */
export function checkExposure(exposure: Exposure): Result<readonly string[]> {
  const { xds, http, hasTls, asksProxies, asksReaders, insecureXds, insecureHttp } = exposure;
  const warnings: string[] = [];
  if (!isLoopback(xds.host)) {
    const lacks = hasTls ? (asksProxies ? undefined : "asks nobody who they are") : "is in plaintext";
    const said = `the xDS port ${lacks}, and ${xds.host}:${xds.port} is reached from other machines`;
    if (lacks !== undefined && !insecureXds)
      return usage(
        `${said}; use --xds-tls auto, or --xds-tls-cert with --xds-client-ca, --token-auth-file or --token-review, or allow it with --insecure-xds`,
      );
    if (lacks !== undefined) warnings.push(said);
  }
  if (!isLoopback(http.host) && !asksReaders) {
    const said = `the read API asks nobody who they are, and ${http.host}:${http.port} is reached from other machines`;
    if (!insecureHttp) return usage(`${said}; name its readers with --token-auth-file, or allow it with --insecure-http`);
    warnings.push(said);
  }
  return ok(warnings);
}
