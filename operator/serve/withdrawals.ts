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
  /** It counts no longer, whatever the record and its policy say later. */
  disregard(withdrawal: Withdrawal): void;
  /** Those that count. */
  all(): Iterable<Withdrawal>;
}

/** Filters. Most withdrawals are recorded within a second. */
const MOST = 10_000;
/** Of one filter. One whose rollout this server never saw under way (it saw a later record at once) stays until others come. */
const MOST_OF_ONE = 8;

export function createWithdrawals(): Withdrawals {
  /** By filter. Never one in the place of another: two servers that hold one each would hand them to each other for ever, and a late one would end what counts. */
  const known = new Map<string, readonly Withdrawal[]>();
  /** Those whose rollout the record was seen to have under way. */
  const met = new WeakSet<Withdrawal>();
  /** Those that count no longer. They are kept: what is told of them again by who does not know it yet is no news. */
  const past = new WeakSet<Withdrawal>();
  return {
    add(withdrawal, rollout) {
      const { uid } = withdrawal;
      const before = known.get(uid) ?? [];
      if (before.some((each) => isOf(each, withdrawal) && (!past.has(each) || isSame(each, withdrawal)))) return false;
      if (isOf(withdrawal, rollout) && !isUnderWay(withdrawal, rollout)) return false;
      if (isUnderWay(withdrawal, rollout)) met.add(withdrawal);
      setBounded(known, uid, [...before, withdrawal].slice(-MOST_OF_ONE), MOST);
      return true;
    },
    of: (uid, rollout) => known.get(uid)?.find((withdrawal) => !past.has(withdrawal) && isUnderWay(withdrawal, rollout)),
    recorded(uid, rollout) {
      const before = known.get(uid);
      if (before === undefined) return;
      for (const withdrawal of before) if (isUnderWay(withdrawal, rollout)) met.add(withdrawal);
      // A record that does not have its rollout yet is older than it.
      const left = before.filter((each) => isUnderWay(each, rollout) || !(met.has(each) || isOf(each, rollout)));
      if (left.length === 0) known.delete(uid);
      else known.set(uid, left);
    },
    forget: (uid) => void known.delete(uid),
    disregard: (withdrawal) => void past.add(withdrawal),
    all: () => [...known.values()].flat().filter((withdrawal) => !past.has(withdrawal)),
  };
}

/** Of the same rollout: for the same cause. */
function isSame(a: Withdrawal, b: Withdrawal): boolean {
  return a.reason === b.reason && a.message === b.message;
}

function isOf({ target, startedAt }: Withdrawal, rollout: Pick<RolloutState, "target" | "startedAt">): boolean {
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
