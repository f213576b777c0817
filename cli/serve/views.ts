import type { Keyring } from "../../base/keyring.ts";
import type { ChangeEvent, ProxyHead, ProxyView, Views } from "../../hub/index.ts";
import type { Fleet, ProxyNode } from "../../model/delivery.ts";
import { type FilterKey, isSameFilter } from "../../model/filter.ts";
import { proxyKey } from "../../model/proxy-key.ts";
import type { FilterRecord, Operator } from "../../operator/index.ts";
import { createWaveStandings, rejectsTarget, revisionOf } from "../../operator/index.ts";
import { type RejectedFilter, viewProxy } from "./proxy-views.ts";

export interface ViewsDeps {
  readonly operator: Operator;
  readonly fleet: Fleet;
  /** The operator's. */
  readonly keys: Keyring;
  readonly ownNamespace: string | undefined;
  readonly metrics: () => Promise<string>;
  /** Whether proxies may come. */
  readonly ready: () => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The running operator and its fleet as the read API shows them. */
export function createViews({ operator, fleet, keys, ownNamespace, metrics, ready, now }: ViewsDeps): Views {
  const waves = createWaveStandings({ fleet, keys, ownNamespace });

  function* nodesOf(heads: Iterable<ProxyHead>): Generator<ProxyNode> {
    for (const { namespace, id } of heads) {
      const proxy = fleet.proxy(proxyKey(namespace, id));
      if (proxy !== undefined) yield proxy;
    }
  }

  function* eachProxy(heads?: Iterable<ProxyHead>): Generator<ProxyView> {
    const refused = rejections(operator.records());
    for (const proxy of heads === undefined ? fleet.proxies() : nodesOf(heads)) yield viewProxy(proxy, refused.get(proxy.key) ?? []);
  }

  const recordOf = (wanted: FilterKey): FilterRecord | undefined =>
    Iterator.from(operator.records()).find(({ key }) => isSameFilter(key, wanted));

  return {
    filters: () => operator.filters(),
    policies: () => operator.policies.current(),
    revisions: (key) => recordOf(key)?.revisions ?? [],
    waveCount: (key) => recordOf(key)?.waveCount,
    async waves(key) {
      const record = recordOf(key);
      return record === undefined ? [] : waves(record);
    },
    proxyHeads: () => fleet.proxies(),
    eachProxy,
    proxy(namespace, id) {
      const key = proxyKey(namespace, id);
      const proxy = fleet.proxy(key);
      return proxy && viewProxy(proxy, rejections(operator.records()).get(key) ?? []);
    },
    metrics,
    ready,
    onEvent: (listener) =>
      operator.onEvent((record, { type, reason, message }) => {
        const event: ChangeEvent = { time: new Date(now()).toISOString(), filter: record.id, type, reason, message };
        listener(event);
      }),
    onChange(listener) {
      const stops = [fleet.onChange(listener), operator.onEvent(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}

function rejections(records: Iterable<FilterRecord>): Map<string, RejectedFilter[]> {
  const all = new Map<string, RejectedFilter[]>();
  for (const record of records) {
    const target = revisionOf(record, record.rollout.target);
    if (target === undefined) continue;
    const { number: revision, digest, wasmDigest, settings } = target;
    for (const [proxy, { message }] of record.rejections) {
      if (!rejectsTarget(record, proxy)) continue;
      const refused = { key: record.key, revision, digest, wasmDigest, slot: settings.slot, message };
      all.set(proxy, [...(all.get(proxy) ?? []), refused]);
    }
  }
  return all;
}
