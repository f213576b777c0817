import { readFileSync } from "node:fs";

/** How many sockets each server may have open. */
export interface SocketShares {
  readonly xds: number;
  readonly xdsPerAddress: number;
  readonly http: number;
}

/** Descriptors that are always left for files, registries, the API server and proofs. */
const RESERVED = 64;
const MOST = { xds: 16_384, http: 512 };
/** Where the limit is not known. */
const USUAL_LIMIT = 1024;

/**
 * Shares the descriptors of this process: a quarter is left for all else, an eighth is for HTTP, the rest for proxies. One address gets three quarters of the proxies'
 * connections: a fleet may come through one, behind a load balancer or NAT, and it cannot keep others out. `wanted`: what a user asked for.
 */
export function shareDescriptors(
  limit: number,
  wanted: { readonly xds?: number | undefined; readonly perAddress?: number | undefined },
): SocketShares {
  const http = Math.max(8, Math.min(MOST.http, Math.floor(limit / 8)));
  const left = Math.max(8, Math.min(MOST.xds, limit - http - Math.max(RESERVED, Math.floor(limit / 4))));
  const xds = wanted.xds ?? left;
  return { xds, http, xdsPerAddress: Math.min(xds, wanted.perAddress ?? Math.max(8, Math.ceil((3 * xds) / 4))) };
}

/** The limit on open files, which Node raises to the hard one when it starts. */
export function descriptorLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return soft === "unlimited" ? 2 ** 20 : Number(soft ?? USUAL_LIMIT);
  } catch {
    return USUAL_LIMIT;
  }
}
