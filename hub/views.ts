import type { Digest } from "../model/digest.ts";
import type { FilterKey } from "../model/filter.ts";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import type { WasmPolicy } from "../model/gen/wasmpolicy.ts";
import type { Result } from "../model/result.ts";
import type { Revision } from "../model/revision.ts";
import type { WaveCount } from "../model/wave-count.ts";
import type { WaveStanding } from "../model/wave-standing.ts";

/** One filter on one proxy, as `weir proxies -o json` and GET /api/v1/proxies print it. */
export interface ProxyFilterView {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly digest: Digest;
  readonly wasmDigest: Digest;
  readonly state: "pending" | "updated" | "rejected";
  readonly message: string;
}

/** Who a proxy is, without what it runs. */
export interface ProxyHead {
  readonly id: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly connected: boolean;
}

export interface ProxyView extends ProxyHead {
  readonly slots: readonly { readonly name: string; readonly filters: readonly ProxyFilterView[] }[];
}

/** A change worth telling a person who watches: the payload of GET /api/v1/events (server-sent events). */
export interface ChangeEvent {
  readonly time: string;
  readonly filter: string;
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

/** One filter, if it is there. */
export function findFilter(views: Pick<Views, "filters">, { namespace, name }: FilterKey): WasmFilter | undefined {
  return views.filters().find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
}

/** What the hub reads: the running operator, seen from outside. */
export interface Views {
  filters(): readonly WasmFilter[];
  /** The WasmPolicies with their status, by name. Fails where they are not known, with why. */
  policies(): Result<readonly WasmPolicy[]>;
  /** Full records of a filter's revisions, in rising order; none for a filter that is not there. */
  revisions(key: FilterKey): readonly Revision[];
  /** What the filter's rollout that is under way is judged by; `undefined`: nothing is counted, or not here. */
  waveCount(key: FilterKey): WaveCount | undefined;
  /** How the proxies of each wave of the filter's rollout that is under way stand, the first wave first; none where none is under way. A look at each proxy. */
  waves(key: FilterKey): Promise<readonly WaveStanding[]>;
  /** All proxies, in no order. */
  proxyHeads(): Iterable<ProxyHead>;
  /** Those of these proxies that are there, in this order; absent: all of them, in no order. Each is made when it is asked for, for there may be tens of thousands. */
  eachProxy(heads?: Iterable<ProxyHead>): Iterable<ProxyView>;
  proxy(namespace: string, id: string): ProxyView | undefined;
  /** Prometheus text exposition format. */
  metrics(): Promise<string>;
  /** True once the desired state was listed and every filter had its first pass, until the server is about to end. */
  ready(): boolean;
  onEvent(listener: (event: ChangeEvent) => void): () => void;
  /** Called when proxies or filters are no more as they were, at most some times a second. */
  onChange(listener: () => void): () => void;
}
