import { setBounded } from "../../base/bounded-map.ts";
import type { Withdrawal } from "../../model/replicas.ts";
import type { RolloutState } from "../rollout/state.ts";

/** Withdrawals that are remembered until the record has them. */
export interface Withdrawals {
  /** `rollout`: what the record says now. False when that has it already, or it was known: nobody need be told. */
  add(withdrawal: Withdrawal, rollout: RolloutState): boolean;
  /** The one of this rollout, while it is under way. */
  of(uid: string, rollout: RolloutState): Withdrawal | undefined;
  /** The record of a filter says this now: what it says by itself is forgotten. */
  recorded(uid: string, rollout: RolloutState): void;
  forget(uid: string): void;
  all(): Iterable<Withdrawal>;
}

/** One for each filter. Most are recorded within a second. */
const MOST = 10_000;

export function createWithdrawals(): Withdrawals {
  const known = new Map<string, Withdrawal>();
  /** Those whose rollout the record was seen to have under way. */
  const met = new WeakSet<Withdrawal>();
  return {
    add(withdrawal, rollout) {
      const { uid } = withdrawal;
      const before = known.get(uid);
      if (before?.target === withdrawal.target && before.startedAt === withdrawal.startedAt) return false;
      if (isOf(withdrawal, rollout) && !isUnderWay(withdrawal, rollout)) return false;
      if (isUnderWay(withdrawal, rollout)) met.add(withdrawal);
      known.delete(uid);
      setBounded(known, uid, withdrawal, MOST);
      return true;
    },
    of(uid, rollout) {
      const withdrawal = known.get(uid);
      return withdrawal !== undefined && isUnderWay(withdrawal, rollout) ? withdrawal : undefined;
    },
    recorded(uid, rollout) {
      const withdrawal = known.get(uid);
      if (withdrawal === undefined) return;
      if (isUnderWay(withdrawal, rollout)) met.add(withdrawal);
      // A record that does not have its rollout yet is older than it.
      else if (met.has(withdrawal) || isOf(withdrawal, rollout)) known.delete(uid);
    },
    forget: (uid) => void known.delete(uid),
    all: () => known.values(),
  };
}

function isOf({ target, startedAt }: Withdrawal, rollout: RolloutState): boolean {
  return rollout.target === target && rollout.startedAt === startedAt;
}

function isUnderWay(withdrawal: Withdrawal, rollout: RolloutState): boolean {
  return rollout.phase === "Progressing" && isOf(withdrawal, rollout);
}

/** What is served of a rollout whose target was withdrawn: what the record will say. */
export function withdrawn(rollout: RolloutState): RolloutState {
  const phase = rollout.stable === undefined ? "Rejected" : "RolledBack";
  return { ...rollout, phase, heldSince: undefined, match: undefined, watch: undefined };
}
