import type { Fleet, ProxyHealth, ProxyNode } from "../../model/delivery.ts";
import type { Vouched } from "../../model/identity.ts";
import type { Leadership } from "../../model/leadership.ts";
import { silentLog } from "../../model/log.ts";
import type { Withdrawal } from "../../model/replicas.ts";
import { createFakeClock } from "../../model/testing/fake-clock.ts";
import { FromCaller } from "../gen/weir/v1/replicas.ts";
import type { Dial } from "../replicas/dial.ts";
import { createPeers } from "../replicas/peers.ts";
import { createMemoryCalls, REPLICA_URI } from "./memory-calls.ts";

/** A fleet whose proxies a test puts. */
function createOwn() {
  const nodes = new Map<string, ProxyNode>();
  const counters = new Map<string, ProxyHealth>();
  const listeners = new Set<(keys: ReadonlySet<string>) => void>();
  const fleet: Fleet = {
    proxies: () => nodes.values(),
    proxy: (key) => nodes.get(key),
    health: (key) => counters.get(key),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    assign() {},
    forget: (key) => void nodes.delete(key),
    onMissing: () => () => {},
  };
  const put = (id: string, connected: boolean, since: number, more: Partial<ProxyNode> = {}) => {
    const node = {
      key: `shop/${id}`,
      id,
      namespace: "shop",
      labels: {},
      connected,
      since,
      slots: new Map(),
      takesChains: true,
      version: "1.40.0",
    };
    nodes.set(node.key, { ...node, hungSince: undefined, endedAt: undefined, reportsEveryMs: undefined, ...more });
    for (const listener of listeners) listener(new Set([node.key]));
  };
  return { fleet, put, counters };
}

/** What a replica knows of who its clients are. */
function createVouching() {
  const tokens = new Map<string, Vouched["tokens"][number]>();
  const pods = new Map<string, Vouched["pods"][number]>();
  const listeners = new Set<(vouched: Vouched) => void>();
  const add = (vouched: Vouched) => {
    for (const token of vouched.tokens) tokens.set(token.hash, token);
    for (const pod of vouched.pods) pods.set(pod.uid, pod);
  };
  return {
    all: () => ({ tokens: [...tokens.values()], pods: [...pods.values()] }),
    onVouched(listener: (vouched: Vouched) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    take: add,
    say(vouched: Vouched) {
      add(vouched);
      for (const listener of listeners) listener(vouched);
    },
  };
}

/** A message as an earlier or later version would send it: without what is new, with what nobody knows. */
function ofOtherVersion(bytes: Uint8Array): Uint8Array {
  const message = FromCaller.decode(bytes);
  if (message.said?.$case !== "hello") return bytes;
  const { version: _, keepsReports: __, ...known } = message.said.hello;
  // Field 99, a varint; and field 98, as which a oneof may have another kind of message.
  const unknown = [0x98, 0x06, 1, 0x92, 0x06, 0];
  return Buffer.concat([FromCaller.encode({ said: { $case: "hello", hello: known } }).finish(), Buffer.from(unknown)]);
}

/** Replicas whose calls go through memory. `other`: one of another version. */
export function createScene(names: readonly string[], other?: string) {
  const clock = createFakeClock();
  const calls = createMemoryCalls((bytes, ends) => (other !== undefined && ends.includes(other) ? ofOtherVersion(bytes) : bytes));
  let leading: string | undefined;
  let stalledMs = 0;
  let dialed = 0;
  const listeners = new Map<string, (isLeading: boolean) => void>();

  const replicas = names.map((id) => {
    const own = createOwn();
    const vouching = createVouching();
    const leadership: Leadership = {
      isLeading: () => leading === id,
      onChange(listener) {
        listeners.set(id, listener);
        return () => void listeners.delete(id);
      },
    };
    const modules = { read: async () => undefined };
    const addresses = async () => new Set(names);
    const options = {
      id,
      version: "1.0.0",
      uri: REPLICA_URI,
      own: own.fleet,
      leadership,
      dial: ((...call) => {
        dialed += 1;
        return calls.dialOf(id)(...call);
      }) satisfies Dial,
      addresses,
      clock,
      steady: () => clock.now() + stalledMs,
      log: silentLog,
      modules,
      vouching,
    };
    const peers = createPeers(options);
    const withdrawals: Withdrawal[] = [];
    const overridden: string[] = [];
    const told: string[] = [];
    const [heard, leads] = [{ times: 0 }, { times: 0 }];
    peers.join({
      withdrawals: () => withdrawals,
      withdrawn: (one) => void withdrawals.push(one),
      overridden: (key) => void overridden.push(key),
      leads: () => void leads.times++,
      leaderHeard: () => void heard.times++,
      told: ({ filter, type, reason, message }) => void told.push(`${filter} ${type} ${reason} ${message}`),
      text: () => undefined,
    });
    calls.listen(id, peers);
    return { id, own, vouching, peers, withdrawals, overridden, told, heard, leads };
  });
  const start = () => {
    for (const { peers } of replicas) peers.start();
  };
  const lead = (id: string | undefined) => {
    const before = leading;
    leading = id;
    if (before !== undefined) listeners.get(before)?.(false);
    if (id !== undefined) listeners.get(id)?.(true);
  };
  return {
    clock,
    replicas,
    start,
    lead,
    /** All start, this one decides, and they know each other. */
    async begin(id: string) {
      start();
      lead(id);
      await clock.advance(2_500);
    },
    stop() {
      for (const { peers } of replicas) peers.stop();
    },
    cut: calls.cut,
    mend: calls.mend,
    dialed: () => dialed,
    /** Time passes in which nobody here has a turn. */
    stall(ms: number) {
      stalledMs += ms;
    },
  };
}

/** Replicas in one process. */
export type Scene = ReturnType<typeof createScene>;
/** One of them, in the order of their names. */
export const nth = (scene: Scene, index: number) => scene.replicas[index] as Scene["replicas"][number];
/** Which of them hear who decides. */
export const heard = (...replicas: Scene["replicas"]) => replicas.map(({ peers }) => peers.leadership.isHeard());
/** The proxies that one of them knows, and whether they are connected. */
export const seen = ({ peers }: Scene["replicas"][number]) =>
  Array.from(peers.fleet.proxies(), ({ id, connected }) => `${id} ${connected}`).sort();
