import type { ProxyNode, SlotDelivery } from "../../model/delivery.ts";

/**
 * A proxy as one server would see it that had it all the time: where it is now, with what is known of it from where it was. What it has is told there by a version alone
 * until it answers, and what that is by who had it, where it was the same version: what it acknowledged there last may not have been told any more. That its process
 * ended with overdue reports, or hangs, was seen by who had it. `isHeard`: it reported counters where it is now.
 */
export function asOneServerSees(now: ProxyNode, before: ProxyNode, isHeard: boolean): ProxyNode {
  const isNewProcess = holdsNothing(now);
  const slots = Array.from(now.slots.values(), (slot) => filled(slot, before.slots.get(slot.slot)));
  const carriesHang = now.hungSince === undefined && !isNewProcess && !isHeard;
  const ended = isNewProcess && before.isOverdue === true ? now.since : before.endedAt;
  return {
    ...now,
    hungSince: carriesHang ? before.hungSince : now.hungSince,
    endedAt: now.endedAt ?? ended,
    slots: new Map(slots.map((slot) => [slot.slot, slot])),
  };
}

/** True while all that it says is known where it is now: nothing of where it was is needed any more. */
export function isReadWhole({ connected, slots }: ProxyNode): boolean {
  return connected && slots.size > 0 && slots.values().every(({ isUnread }) => isUnread !== true);
}

/** True for a process that has told its slots and has nothing in them. */
function holdsNothing({ connected, slots }: ProxyNode): boolean {
  return connected && slots.size > 0 && slots.values().every(({ running, isUnread }) => running === undefined && isUnread !== true);
}

function filled(slot: SlotDelivery, before: SlotDelivery | undefined): SlotDelivery {
  if (slot.isUnread !== true || before?.running === undefined || holdsOther(slot, before)) return slot;
  const { isUnread: _, ...rest } = slot;
  return { ...rest, running: before.running, runningSince: before.runningSince };
}

/** Where a version is not told, by a proxy or by an earlier version of Weir, what was there last counts. */
function holdsOther(now: SlotDelivery, before: SlotDelivery): boolean {
  return now.holds !== undefined && before.holds !== undefined && now.holds !== before.holds;
}
