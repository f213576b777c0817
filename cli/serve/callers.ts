import type { Keyring } from "../../base/keyring.ts";
import { openPodIdentity } from "../../cluster/index.ts";
import type { Clock } from "../../model/clock.ts";
import type { Vouching } from "../../model/identity.ts";
import type { ClusterAccess } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import type { Metrics } from "../../model/metrics.ts";
import { type Authenticator, createAuthenticator, type LiveTokens } from "../../xds/index.ts";

export interface CallersOptions {
  readonly tokens: LiveTokens | undefined;
  /** The port asks for client certificates. */
  readonly takesCertificates: boolean;
  /** The trust domain of client certificates; `undefined`: any. */
  readonly trustDomain: string | undefined;
  /** `off`: no certificate is one of a pod's. */
  readonly podCertificates: "auto" | "on" | "off";
  /** What tokens of ServiceAccounts must be made for; `undefined`: none is taken. Needs a cluster. */
  readonly tokenAudience: string | undefined;
  /** A proxy that proved its pod by a token must have an address of that pod. */
  readonly checksPodAddress: boolean;
  readonly cluster: ClusterAccess | undefined;
  readonly keys: Keyring;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Who calls the xDS port, by every way that its flags name. */
export interface Callers {
  /** `undefined`: nobody could answer, so nobody is asked. */
  readonly authenticator: Authenticator | undefined;
  /** `undefined`: no client is asked for its pod. */
  readonly vouching: Vouching | undefined;
  /** Ends what it follows. */
  stop(): Promise<void>;
}

export function createCallers(options: CallersOptions): Callers {
  const { tokens, takesCertificates, trustDomain, tokenAudience, podCertificates, cluster } = options;
  const { clock, log, metrics, checksPodAddress: checksAddress } = options;
  const hash = options.keys.keyedHash("token of a proxy");
  const knowsPods = tokenAudience !== undefined || podCertificates !== "off";
  const identity =
    cluster === undefined || !knowsPods
      ? undefined
      : openPodIdentity({ cluster, audience: tokenAudience, hash, checksAddress, clock, log, metrics, random: Math.random });
  const certificates = takesCertificates ? { trustDomain } : undefined;
  const isAsked = (tokens ?? certificates ?? identity?.reviewer) !== undefined;
  return {
    authenticator: isAsked ? createAuthenticator({ tokens, certificates, reviewer: identity?.reviewer, pods: identity?.pods }) : undefined,
    vouching: identity?.vouching,
    stop: async () => identity?.stop(),
  };
}
