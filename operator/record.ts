import type { ChainEntry } from "../model/delivery.ts";
import { type Filter, type FilterKey, filterId } from "../model/filter.ts";
import type { WasmFilter, WasmFilterStatus } from "../model/gen/wasmfilter.ts";
import type { Revision } from "../model/revision.ts";
import type { Measurements } from "../model/verdict.ts";
import type { Facts } from "./conditions.ts";
import type { Refusal } from "./counts.ts";
import { idle, type RolloutState } from "./rollout/state.ts";
import { position } from "./rollout/wave.ts";

/** All that the operator knows of one WasmFilter object. One record per uid; owned by the operator's loop, read by everyone else. */
export interface FilterRecord {
  readonly id: string;
  readonly key: FilterKey;
  readonly uid: string;
  /** How many proxies the last status counted when this record was made: those that an operator just started may expect back. */
  readonly expected: number;
  /** When they were back, or had their time to be: milliseconds since the epoch. What happened before was seen by nobody. */
  watchedSince: number | undefined;
  /** The object as the source showed it last. */
  object: WasmFilter;
  /** The last spec that parsed: it stays in force while a newer one does not. */
  filter: Filter | undefined;
  resolution: Facts["resolution"];
  measurements: Measurements | undefined;
  /** The revision that the present spec asks for; `undefined` while that is not known. */
  candidate: Revision | undefined;
  /** Kept revisions, in rising order. */
  revisions: readonly Revision[];
  rollout: RolloutState;
  /** Revisions that can be delivered: their module is in memory. */
  readonly entries: Map<number, ChainEntry>;
  /** Node id -> what it refused. */
  readonly refusals: Map<string, Refusal>;
  /** True once revisions and rollout were read back. */
  loaded: boolean;
  /** True once the filter was resolved, or refused, or its stable revision is at hand: proxies may be answered. */
  passed: boolean;
  status: WasmFilterStatus | undefined;
}

export function createRecord(object: WasmFilter): FilterRecord {
  const key = { namespace: object.metadata.namespace ?? "default", name: object.metadata.name };
  return {
    id: filterId(key),
    key,
    uid: object.metadata.uid ?? filterId(key),
    expected: object.status?.proxies?.matched ?? 0,
    watchedSince: undefined,
    object,
    filter: undefined,
    resolution: { state: "pending" },
    measurements: undefined,
    candidate: undefined,
    revisions: [],
    rollout: idle,
    entries: new Map(),
    refusals: new Map(),
    loaded: false,
    passed: false,
    status: object.status,
  };
}

export function revisionOf(record: FilterRecord, number: number | undefined): Revision | undefined {
  return number === undefined ? undefined : record.revisions.find((revision) => revision.number === number);
}

/** The revision that proxies are meant to end up with: the target, unless it failed. */
export function goalOf(record: FilterRecord): Revision | undefined {
  const { phase, target, stable } = record.rollout;
  return revisionOf(record, phase === "RolledBack" || phase === "Rejected" ? stable : target);
}

/** True when the proxy refused the very content that is the target now. */
export function refusesTarget(record: FilterRecord, proxyId: string): boolean {
  const refusal = record.refusals.get(proxyId);
  return refusal !== undefined && refusal.hash === revisionOf(record, record.rollout.target)?.hash;
}

/** Where the proxy stands on this filter's wave line. */
export function positionOf(record: FilterRecord, proxyId: string): number {
  return position(record.id, proxyId);
}

/** What a person asked of the rollout through annotations; the CLI's `weir rollout` writes them. */
export interface RolloutWishes {
  readonly paused: boolean;
  readonly promote: { readonly revision: number; readonly step: number } | undefined;
  readonly abort: number | undefined;
}

/**
 * `weir.dev/rollout-paused: "true"`, `weir.dev/rollout-promote: "REVISION/STEP"` (or `REVISION`: to the end), `weir.dev/rollout-abort: "REVISION"`.
 * The last two may end in `@GENERATION`: they then say nothing about a later spec, under which the same revision may go out again.
 */
export function wishesOf({ metadata }: WasmFilter): RolloutWishes {
  const annotations = metadata.annotations ?? {};
  const inForce = (generation: string | undefined) => generation === undefined || Number(generation) === metadata.generation;
  const promote = /^(\d+)(?:\/(\d+))?(?:@(\d+))?$/.exec(annotations["weir.dev/rollout-promote"] ?? "");
  const abort = /^(\d+)(?:@(\d+))?$/.exec(annotations["weir.dev/rollout-abort"] ?? "");
  return {
    paused: annotations["weir.dev/rollout-paused"] === "true",
    promote:
      promote === null || !inForce(promote[3])
        ? undefined
        : { revision: Number(promote[1]), step: promote[2] === undefined ? Number.POSITIVE_INFINITY : Number(promote[2]) },
    abort: abort === null || !inForce(abort[2]) ? undefined : Number(abort[1]),
  };
}

/** The rejections that an earlier operator wrote into the status, so that it goes on saying so and offers nothing to a proxy that refused it. */
export function refusalsFrom(record: FilterRecord): void {
  const hash = revisionOf(record, record.rollout.target)?.hash;
  const { status } = record.object;
  if (hash === undefined || status === undefined || record.rollout.target !== status.revision) return;
  for (const { proxy, message } of status.rejections ?? []) record.refusals.set(proxy, { hash, message, at: 0 });
}
