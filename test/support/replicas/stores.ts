import type { Link, Replica } from "./parts.ts";

/** What is recorded comes from a peer that has it, else from the registry; who decides brings in what is wanted. A peer asks nobody. */
export function fetchModules(replica: Replica, isLeading: boolean, peers: Iterable<[Link, Replica]>, isRegistryAway: boolean): void {
  const { seen, store } = replica;
  const { stable, target } = seen.rollout;
  const reached = [...peers].filter(([link, to]) => link.isOpen && to.isAlive).map(([, to]) => to);
  for (const number of [stable, target, isLeading ? seen.wanted : undefined]) {
    if (number === undefined || store.has(number)) continue;
    const isRecorded = number === stable || number === target;
    const isHanded = isRecorded && reached.some((peer) => peer.store.has(number));
    if (isHanded || !isRegistryAway) store.add(number);
  }
}
