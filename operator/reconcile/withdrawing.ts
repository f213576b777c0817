import { bytesOf } from "../../model/plugin-configuration.ts";
import type { Member, Peers, Withdrawal } from "../../model/replicas.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { Records } from "../filter/records.ts";
import { faultOfRejection } from "../filter/rejection.ts";
import { revisionOf } from "../filter/revisions.ts";
import type { FleetIndex } from "../fleet/index.ts";
import type { Fault, Setback } from "../rollout/advance.ts";
import { outgoingHash } from "../rollout/dark.ts";
import { policyOf } from "../rollout/steps.ts";
import { stands } from "../rollout/watch.ts";
import type { ServedFilter } from "../serve/place.ts";
import { createWithdrawals, type Withdrawals, withdrawn } from "../serve/withdrawals.ts";
import type { FilterEvent } from "../source/source.ts";
import type { Events } from "./events.ts";

export interface WithdrawingDeps {
  readonly records: Pick<Records, "get" | "all">;
  readonly index: Pick<FleetIndex, "proxiesOf" | "filtersOf">;
  /** The other replicas; `undefined`: there are none, and a step back waits for its record. */
  readonly peers: Peers | undefined;
  readonly events: Pick<Events, "emit" | "hear">;
  /** These proxies may be due other chains. */
  readonly assign: (proxyKeys: Iterable<string>) => void;
  /** The filter with this id is to be reconciled. */
  readonly add: (id: string) => void;
}

/** Takes targets back before the record says so, here and at the other replicas, until it does. */
export interface Withdrawing {
  /** From now on the other replicas are heard, until the returned function is called. */
  start(): () => void;
  /** The record's target is taken back for this. */
  withdraw(record: FilterRecord, setback: Setback): void;
  /** The same for a rejection of its target by one of its proxies, where the filter's policy takes that for a fault. */
  judge(record: FilterRecord): void;
  /** The same for what was found wrong with its target otherwise. */
  found(record: FilterRecord, fault: Fault): void;
  /** What another replica found wrong with the target that is going out. */
  faultOf(record: FilterRecord): Setback | undefined;
  /** What is served of the filter. */
  served(record: FilterRecord): ServedFilter;
  /** The record of the filter says what its rollout says now. */
  recorded(record: FilterRecord): void;
  forget(record: FilterRecord): void;
  /** Tells the replica that serves a proxy what that has to wait for, as it rejected it elsewhere. */
  overrule(proxyKeys: Iterable<string>): void;
}

export function createWithdrawing(deps: WithdrawingDeps): Withdrawing {
  const { index, peers, events, assign } = deps;
  const withdrawals = createWithdrawals();

  /** False where it was withdrawn already. */
  function withdraw(record: FilterRecord, { reason, message }: Setback): boolean {
    const { id: filter, uid, rollout } = record;
    if (peers === undefined || rollout.target === undefined) return false;
    const withdrawal = { filter, uid, target: rollout.target, startedAt: rollout.startedAt, reason, message };
    if (!withdrawals.add(withdrawal, rollout)) return false;
    peers.withdraw(withdrawal);
    assign(index.proxiesOf(filter));
    return true;
  }

  function found(record: FilterRecord, fault: Fault): void {
    const isNews = stands(record.rollout, policyOf(record.filter), fault) && withdraw(record, fault);
    // Who decides tells of it when it is recorded, which may be long after.
    if (isNews) events.emit(record, withdrawnEvent(record.rollout.target, fault), revisionOf(record, record.rollout.target));
  }

  /** The withdrawal of what is going out, as long as the policy that is in force by now takes it back for that. */
  function standing(record: FilterRecord): Withdrawal | undefined {
    const { uid, rollout } = record;
    const withdrawal = withdrawals.of(uid, rollout);
    if (withdrawal === undefined || stands(rollout, policyOf(record.filter), withdrawal)) return withdrawal;
    withdrawals.disregard(withdrawal);
    return undefined;
  }

  return {
    start() {
      if (peers === undefined) return () => {};
      return peers.join(memberOf(deps, peers, withdrawals));
    },
    withdraw,
    judge(record) {
      const hash = peers && outgoingHash(record);
      if (hash === undefined) return;
      for (const [key, rejection] of record.rejections) {
        if (rejection.hash !== hash) continue;
        found(record, faultOfRejection(key, rejection.message));
        return;
      }
    },
    found,
    faultOf: standing,
    served(record) {
      if (standing(record) === undefined) return record;
      const { id, key, revisions, deliverable, isHeld, slot, demand } = record;
      return { id, key, revisions, deliverable, isHeld, slot, demand, rollout: withdrawn(record.rollout) };
    },
    recorded: ({ uid, rollout }) => withdrawals.recorded(uid, rollout),
    forget: ({ uid }) => withdrawals.forget(uid),
    overrule(proxyKeys) {
      if (peers !== undefined) overrule(proxyKeys, deps, peers);
    },
  };
}

/** Of proxies that others serve: what they rejected is withheld from them there. */
function overrule(proxyKeys: Iterable<string>, { index, records }: WithdrawingDeps, peers: Peers): void {
  for (const key of proxyKeys) {
    if (peers.isOwn(key)) continue;
    const hashes = Array.from(index.filtersOf(key), (id) => records.get(id)?.rejections.get(key)?.hash);
    peers.withhold(key, new Set(hashes.filter((hash) => hash !== undefined)));
  }
}

/** What this server's operator does for the other replicas. */
function memberOf(deps: WithdrawingDeps, peers: Peers, withdrawals: Withdrawals): Member {
  const { records, index, events, assign, add } = deps;
  return {
    withdrawals: () => withdrawals.all(),
    withdrawn(withdrawal) {
      const record = records.get(withdrawal.filter);
      if (record?.uid !== withdrawal.uid || !withdrawals.add(withdrawal, record.rollout)) return;
      peers.withdraw(withdrawal);
      assign(index.proxiesOf(record.id));
      add(record.id);
    },
    overridden: (proxyKey) => assign([proxyKey]),
    leads() {
      for (const { rejections } of records.all()) overrule(rejections.keys(), deps, peers);
    },
    leaderHeard() {
      for (const { id, rollout } of records.all()) if (rollout.phase === "Progressing") assign(index.proxiesOf(id));
    },
    told({ filter, ...event }) {
      const record = records.get(filter);
      if (record !== undefined) events.hear(record, event);
    },
    text: (filter, hash) => textOf(records.get(filter), hash),
  };
}

/** The text from a Secret in the revision of this hash; `undefined`: it is not at hand. */
function textOf(record: FilterRecord | undefined, hash: string): Buffer | undefined {
  const held = record?.deliverable.values().find((entry) => entry.isSecret && entry.hash === hash);
  return held && bytesOf(held.settings);
}

function withdrawnEvent(target: number | undefined, { reason, message }: Fault): FilterEvent {
  return {
    type: "Warning",
    reason: "Withdrawn",
    message: `revision ${target} is taken back everywhere before it is recorded: ${reason}: ${message}`,
  };
}
