import { median, usage } from "../../../bench/processes.ts";
import type { MeteredReplica } from "./metered-replica.ts";

/** What one replica spent. Bytes are those of the wire: with TLS where there is TLS. */
export interface Share {
  /** CPU milliseconds of its process; proofs are others. */
  readonly cpuMs: number;
  /** By which the memory of its process grew: resident, in bytes. */
  readonly memory: number;
  /** gRPC bytes to its proxies. */
  readonly toProxies: number;
  /** To the other replicas, in its calls and in theirs. */
  readonly toPeers: number;
  readonly fromPeers: number;
  readonly toApi: number;
  readonly fromApi: number;
}

/** What something cost. */
export interface Bill {
  readonly ms: number;
  /** Statuses that were written. */
  readonly writes: number;
  readonly responses: number;
  /** True where a replica lost another meanwhile, or another began to decide: what that costs is in it. */
  readonly isDisturbed: boolean;
  readonly leader: Share;
  /** Of the followers, each one's share of what all of them spent. */
  readonly follower: Share;
}

export interface Meter {
  bill(run: () => Promise<void>): Promise<Bill>;
}

/** `leadingNow`: index of the replica that decides. */
export function createMeter(replicas: readonly MeteredReplica[], leadingNow: () => Promise<number>, writes: () => number): Meter {
  async function look(): Promise<readonly Share[]> {
    return Promise.all(replicas.map((_, index) => shareOf(replicas, index)));
  }
  /** What shows that a replica was lost and found, or another began to decide. */
  const turns = () => replicas.reduce((sum, { weir }) => sum + (weir.logs().match(/this replica decides|a replica is /g)?.length ?? 0), 0);
  const responses = () => replicas.reduce((sum, { proxies }) => sum + proxies.responses, 0);

  return {
    async bill(run) {
      const leader = await leadingNow();
      const [before, began, written, sent, turned] = [await look(), performance.now(), writes(), responses(), turns()];
      await run();
      const ms = performance.now() - began;
      const spent = (await look()).map((share, index) => combine([share, before[index] as Share], ([now = 0, then = 0]) => now - then));
      const followers = spent.filter((_, index) => index !== leader);
      return {
        ms,
        writes: writes() - written,
        responses: responses() - sent,
        isDisturbed: turns() !== turned,
        leader: spent[leader] as Share,
        follower: combine(followers, (each) => each.reduce((sum, one) => sum + one, 0) / each.length),
      };
    },
  };
}

async function shareOf(replicas: readonly MeteredReplica[], index: number): Promise<Share> {
  const { weir, toApi, calls, proxies } = replicas[index] as MeteredReplica;
  const own = Array.from(calls.values(), (relay) => relay.counts());
  const theirs = replicas.map((other) => other.calls.get(index)?.counts() ?? { there: 0, back: 0 });
  const api = toApi.counts();
  const { cpuMs, rss } = await usage(weir.pid());
  return {
    cpuMs,
    memory: rss,
    toProxies: proxies.bytes,
    toPeers: total(own.map(({ there }) => there)) + total(theirs.map(({ back }) => back)),
    fromPeers: total(own.map(({ back }) => back)) + total(theirs.map(({ there }) => there)),
    toApi: api.there,
    fromApi: api.back,
  };
}

/** One share of several, field by field. */
export function combine(shares: readonly Share[], by: (values: readonly number[]) => number): Share {
  const at = (field: keyof Share) => by(shares.map((share) => share[field]));
  return {
    cpuMs: at("cpuMs"),
    memory: at("memory"),
    toProxies: at("toProxies"),
    toPeers: at("toPeers"),
    fromPeers: at("fromPeers"),
    toApi: at("toApi"),
    fromApi: at("fromApi"),
  };
}

/** The median of several bills, field by field. */
export function middle(bills: readonly Bill[]): Bill {
  const at = (field: "ms" | "writes" | "responses") => median(bills.map((bill) => bill[field]));
  return {
    ...{ ms: at("ms"), writes: at("writes"), responses: at("responses"), isDisturbed: bills.some(({ isDisturbed }) => isDisturbed) },
    leader: combine(
      bills.map(({ leader }) => leader),
      median,
    ),
    follower: combine(
      bills.map(({ follower }) => follower),
      median,
    ),
  };
}

/** What a bill comes to in a second. */
export function perSecond(bill: Bill): Bill {
  const part = (share: Share) => combine([share], ([value = 0]) => (value * 1_000) / bill.ms);
  return { ...bill, ms: 1_000, leader: part(bill.leader), follower: part(bill.follower) };
}

/** What a bill has beyond what nothing would have cost for as long. */
export function beyond(bill: Bill, rest: Bill): Bill {
  const minus = (share: Share, idle: Share) => combine([share, idle], ([spent = 0, idled = 0]) => spent - (idled * bill.ms) / rest.ms);
  return { ...bill, leader: minus(bill.leader, rest.leader), follower: minus(bill.follower, rest.follower) };
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
