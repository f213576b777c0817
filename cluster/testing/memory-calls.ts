import { GET } from "../replicas/content-service.ts";
import type { Dial } from "../replicas/dial.ts";
import { replicaUri } from "../replicas/identity.ts";
import type { ReplicaPeers } from "../replicas/peers.ts";

/** Of the replicas of every test. */
export const REPLICA_URI = replicaUri("weir-system", "weir");

const PROOF = { altNames: `URI:${REPLICA_URI}`, until: Number.POSITIVE_INFINITY, fault: undefined };

/** Calls between replicas that go through memory. */
export interface MemoryCalls {
  dialOf(from: string): Dial;
  /** Who answers at this address; in the place of who did. */
  listen(address: string, peers: Pick<ReplicaPeers, "service" | "contentService">): void;
  /** From now on no call to or from this address goes through, until it is mended. Those that are open end. */
  cut(address: string): void;
  mend(address: string): void;
}

/** `as`: what becomes of a message on its way between two addresses. Default: nothing. */
export function createMemoryCalls(as: (bytes: Uint8Array, ends: readonly string[]) => Uint8Array = (bytes) => bytes): MemoryCalls {
  const away = new Set<string>();
  const open = new Set<{ readonly ends: readonly string[]; readonly end: () => void }>();
  const listening = new Map<string, Pick<ReplicaPeers, "service" | "contentService">>();
  const endOf = (address: string) => {
    for (const { ends, end } of [...open]) if (ends.includes(address)) end();
  };
  return {
    dialOf: (from) => (address, method, handler) => {
      let isOver = false;
      const ends = [from, address];
      const end = (why: string) => {
        if (isOver) return;
        isOver = true;
        open.delete(one);
        handler.closed(why);
        served?.closed();
      };
      const one = { ends, end: () => end("cut") };
      open.add(one);
      const peers = listening.get(address);
      const service = method === GET ? peers?.contentService : peers?.service;
      const served = service?.open({
        proof: PROOF,
        send(bytes) {
          setImmediate(() => !isOver && handler.message(as(bytes, ends)));
          return true;
        },
        end: (_code, message = "") => setImmediate(() => end(message)),
      });
      if (served === undefined || ends.some((each) => away.has(each))) setImmediate(() => end("not reached"));
      return {
        write(bytes) {
          setImmediate(() => !isOver && served?.message(as(bytes, ends)));
          return true;
        },
        end: () => end("ended"),
        finish: () => setImmediate(() => end("ended")),
      };
    },
    listen(address, peers) {
      endOf(address);
      listening.set(address, peers);
    },
    cut(address) {
      away.add(address);
      endOf(address);
    },
    mend: (address) => void away.delete(address),
  };
}
