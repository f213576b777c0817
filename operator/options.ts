import type { Keyring } from "../base/keyring.ts";
import type { CrashJournal } from "../model/crash-journal.ts";
import type { Fleet } from "../model/delivery.ts";
import type { HeardLeadership } from "../model/leadership.ts";
import type { Log } from "../model/log.ts";
import type { Metrics } from "../model/metrics.ts";
import type { Peers } from "../model/replicas.ts";
import type { ResolveDeps } from "./resolve/resolve.ts";
import type { Source } from "./source/source.ts";

export interface OperatorOptions extends Omit<ResolveDeps, "source" | "revisionsOf" | "identity" | "permits"> {
  readonly source: Source;
  readonly fleet: Fleet;
  /** Keys for what others may read of revisions and must not guess from, and for the order of waves. */
  readonly keys: Keyring;
  readonly log: Log;
  /** A number in [0, 1) for jitter. */
  readonly random: () => number;
  readonly metrics?: Metrics;
  /** Whether this server decides; default: it is alone. */
  readonly leadership?: HeardLeadership;
  /** The other replicas; default: there are none. */
  readonly peers?: Peers | undefined;
  /** What earlier processes ended over; default: nothing. */
  readonly crashes?: CrashJournal;
  /** Namespace whose filters reach the proxies of every namespace; `undefined`: none. */
  readonly ownNamespace: string | undefined;
  /** How long a lost proxy stays in the counts, as pending. Default 60 s. */
  readonly forgetProxyMs?: number;
  /** How long after a start rollouts wait for the proxies that were there before. Default 10 s. */
  readonly settleMs?: number;
  /** Longest time that proxies wait after a start for the first pass of every filter. Default 15 s. */
  readonly startupMs?: number;
}

export const FORGET_PROXY_MS = 60_000;
export const SETTLE_MS = 10_000;
export const STARTUP_MS = 15_000;
