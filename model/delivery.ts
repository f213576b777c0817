import type { Digest } from "./digest.ts";
import type { FilterKey } from "./filter.ts";
import type { RequestMatch } from "./match.ts";
import type { FilterType, PluginSettings } from "./settings.ts";

/** One filter of a chain, complete: what the xds room needs to encode it. */
export interface ChainEntry {
  readonly filter: FilterKey;
  readonly type: FilterType;
  readonly revision: number;
  readonly digest: Digest;
  /** sha256 of the module's bytes, which are read when they are sent. */
  readonly wasmDigest: Digest;
  /** The revision's hash. Two entries of a filter with equal hashes encode to the same bytes. */
  readonly hash: string;
  /** The hash that an earlier version of Weir kept this content under, where that was another: proxies may hold versions that were made from it. Secret. */
  readonly formerHash?: string | undefined;
  /** True when `settings.config` comes from a Secret. */
  readonly isSecret?: boolean;
  readonly settings: PluginSettings;
  /** Capabilities in force: what `settings.capabilities` says, or what the module imports and exports. */
  readonly capabilities: readonly string[];
  /** True where a proxy that lacks the filter must not let anything pass until it has loaded it: it is given a placeholder first. */
  readonly mustBeThere?: boolean;
  /**
   * Set where the filter is not there, and a plugin of ours stands in its place (model/placeholder.ts). `yields`: a proxy that has loaded the filter, or may
   * have, keeps what it has; `replaces`: what it has loaded is not to run any more; `passes`: it yields too, and where it need not, nothing stands in its place.
   */
  readonly placeholder?: "yields" | "replaces" | "passes";
  /** Set in a dark step of a rollout: the filter is for the requests that match. */
  readonly dark?: DarkStep;
}

/** In a dark step a chain has two copies of a filter in one place: each request sees one of them. */
export interface DarkStep {
  /** The requests that see the new copy. */
  readonly match: readonly RequestMatch[];
  /** What the others see; `undefined`: no copy of the filter. */
  readonly otherwise: ChainEntry | undefined;
}

/** The filters of one slot of one proxy, in the order a request meets them. */
export type Chain = readonly ChainEntry[];

/** Which revision a chain entry was, without its bytes: what the ledger remembers. */
export interface DeliveredFilter {
  readonly filter: FilterKey;
  readonly revision: number;
  readonly digest: Digest;
  readonly wasmDigest: Digest;
  readonly hash: string;
  /** True where it is not the filter, but what stands in its place: requests are answered with 503. */
  readonly isPlaceholder?: boolean;
  /** The name of its plugin inside Envoy, where that is not `namespace/name`. */
  readonly plugin?: string;
}

/** What a proxy answered to a chain that it could not load. */
export interface Rejection {
  /** The filters of the rejected chain. */
  readonly filters: readonly DeliveredFilter[];
  /** The one at fault, read from the plugin named in the message or from the only change; `undefined` when neither tells. */
  readonly culprit: DeliveredFilter | undefined;
  /** Envoy's own words; or why it is not sent the chain at all, which names the filter. */
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The state of one slot on one proxy. */
export interface SlotDelivery {
  readonly slot: string;
  /** What the proxy is meant to run. */
  readonly desired: readonly DeliveredFilter[];
  /** What the proxy acknowledged last and runs now. `undefined`: nothing yet on any connection. */
  readonly running: readonly DeliveredFilter[] | undefined;
  /** Milliseconds since the epoch of the acknowledgement behind `running`. */
  readonly runningSince: number | undefined;
  /** True where it says that it has something, and this server does not know what that is: another gave it. */
  readonly isUnread?: boolean;
  /**
   * What it has there, as xDS versions name it: the same for every server of one Weir, whether it knows what that is or not. Absent where the proxy did not say, or
   * has nothing.
   */
  readonly holds?: string;
  /** Set when the desired chain was rejected, until something else is desired. */
  readonly rejection: Rejection | undefined;
}

/** A proxy that has (or lately had) a stream. */
export interface ProxyNode {
  /** Namespace and node id, see `proxyKey`. */
  readonly key: string;
  /** node.id of the xDS node message. */
  readonly id: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly connected: boolean;
  /** Milliseconds since the epoch: of the connection, or of its loss. */
  readonly since: number;
  /** True while all that is known of its loss is that the replica that served it is not heard: it may be there, and run what it ran. */
  readonly isUnheard?: boolean;
  /**
   * Set while its workers hang, as far as its metrics stream tells: milliseconds since the epoch of its last report, or of its connection if none came.
   * It still acknowledges what it is sent, and serves nothing.
   */
  readonly hungSince: number | undefined;
  /** Milliseconds since the epoch: when a new process took the place of one that had ended while its reports were overdue. */
  readonly endedAt: number | undefined;
  /** True while its reports are overdue, or where they were when it was lost: a process that ends so was not stopped by hand. */
  readonly isOverdue?: boolean;
  /** How often it says that it reports its statistics, in milliseconds; `undefined`: it does not say, or it does so where they do not count. */
  readonly reportsEveryMs: number | undefined;
  /** True when it takes the HTTP filters of a slot as one chain, false when each has a place of its own. */
  readonly takesChains: boolean;
  /** Envoy's version as it reports it, e.g. `1.40.0`. */
  readonly version: string;
  /** Slots the proxy subscribed to, with what they hold. */
  readonly slots: ReadonlyMap<string, SlotDelivery>;
}

/** Counters of one proxy since it started, as its metrics stream reported them. */
export interface ProxyHealth {
  /** Milliseconds since the epoch of the last report. */
  readonly at: number;
  readonly requests: number;
  readonly errors5xx: number;
  /** Sum of request durations in milliseconds and their count. */
  readonly latencySumMs: number;
  readonly latencyCount: number;
  /** Plugin name (`namespace/name`) -> VM failures and reloads. */
  readonly vmFailures: ReadonlyMap<string, number>;
}

/** Who is there and what each proxy said. Several servers' views can be merged into one. */
export interface FleetView {
  proxies(): Iterable<ProxyNode>;
  /** By its key, as everything here. */
  proxy(key: string): ProxyNode | undefined;
  health(key: string): ProxyHealth | undefined;
  /** Called (in a later turn of the event loop, coalesced) with the keys of proxies that connected, left, subscribed, acknowledged or rejected. */
  onChange(listener: (keys: ReadonlySet<string>) => void): () => void;
}

/** Tells one server's proxies what they are due. `assign` is idempotent and cheap when nothing changed: chains are compared by the hashes of their entries. */
export interface Assigner {
  /**
   * Sets what a proxy's slots hold. A subscribed slot that the map lacks gets the empty chain; the value "hold" answers nothing
   * and leaves the proxy with what it has (a chain that cannot be built now, e.g. a module missing after a restart).
   * A proxy never assigned gets no answer: nothing is served before the desired state is known.
   */
  assign(key: string, slots: ReadonlyMap<string, Chain | "hold">): void;
  /** Forgets a proxy that has been gone long enough. No effect on a connected one. */
  forget(key: string): void;
  /**
   * Called (in a later turn of the event loop, once for all proxies that wait for it) with the digest of a module that was to be sent and is not in the
   * store any more, or is damaged. Nothing is sent under the names that need it: bring it back, then `assign` again, changed or not.
   */
  onMissing(listener: (wasmDigest: Digest) => void): () => void;
}

/** A server's own fleet: both. */
export interface Fleet extends FleetView, Assigner {}
