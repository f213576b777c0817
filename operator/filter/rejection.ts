import { parseProxyKey } from "../../model/proxy-key.ts";
import type { Fault } from "../rollout/advance.ts";

/** What a proxy rejected, kept until another content becomes the target. */
export interface KnownRejection {
  /** Hash of the rejected revision. */
  readonly hash: string;
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What a proxy's rejection of the target says against it. */
export function faultOfRejection(proxyKey: string, message: string): Fault {
  return { reason: "Rejected", message: `proxy ${parseProxyKey(proxyKey).id}: ${message}` };
}
