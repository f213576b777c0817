import type { LeaseRecord, Moment } from "../../../cluster/replicas/election.ts";
import { proxyKey } from "../../../model/proxy-key.ts";
import type { Withdrawal } from "../../../model/replicas.ts";
import { goesForward, type RolloutState } from "../../../operator/rollout/state.ts";
import { takesBack } from "../../../operator/rollout/watch.ts";
import { placeOf } from "../../../operator/serve/place.ts";
import { withdrawn } from "../../../operator/serve/withdrawals.ts";
import { nextOf } from "./next.ts";
import {
  FRESH_MS,
  fleetOf,
  type Link,
  line,
  type ModelProxy,
  newReplica,
  POLICY,
  type Replica,
  recordOfFirst,
  STEP_BACK_MS,
  type Stored,
  servedFilter,
  UID,
} from "./parts.ts";
import { fetchModules } from "./stores.ts";

/**
 * Replicas, the API server between them, and proxies, as state machines that hand each other messages; what they decide, the product's own pure functions decide.
 * One filter, one object. A test chooses what happens next and checks the rules after each step.
 */
export class Model {
  now = 0;
  readonly bad = new Set<number>();
  /** Revisions that proxies take, and hang with. */
  readonly hanging = new Set<number>();
  isRegistryAway = false;
  readonly replicas: Replica[];
  readonly proxies: ModelProxy[];
  readonly links = new Map<string, Link>();
  /** Every record that was ever there. */
  readonly records: Stored[] = [{ version: 1, generation: 1, wanted: 1, rollout: recordOfFirst() }];
  lease: LeaseRecord | undefined;
  isDown = false;
  private leaseVersion = 0;
  private processes = 0;

  constructor(rates: readonly number[], proxies: number) {
    this.replicas = rates.map((rate, index) => this.replica(`r${index}`, rate, index * 7_000));
    this.proxies = Array.from({ length: proxies }, (_, index) => ({
      ...{ key: proxyKey("shop", `p${index}`), at: undefined, running: undefined, sent: undefined, hung: undefined },
    }));
    for (const from of this.replicas)
      for (const to of this.replicas) if (from !== to) this.links.set(`${from.id} ${to.id}`, { isOpen: false, isCut: false, queue: [] });
  }

  get stored(): Stored {
    return this.records[this.records.length - 1] as Stored;
  }

  momentOf({ rate, offset }: Replica): Moment {
    return { steady: this.now * rate + offset, wall: this.now * rate + offset };
  }

  isLeading(replica: Replica): boolean {
    return replica.isAlive && replica.election.isLeading(this.momentOf(replica));
  }

  /** The user wants this revision. */
  want(wanted: number): void {
    this.store({ wanted, generation: this.stored.generation + 1 });
  }

  kill(replica: Replica): void {
    replica.isAlive = false;
    replica.requests = [];
    for (const proxy of this.proxies) if (proxy.at === replica) this.disconnect(proxy);
    for (const [name, link] of this.links) if (name.split(" ").includes(replica.id)) this.breakLink(link);
  }

  /** A new process: it knows what the API server tells it, once it is reached. */
  start(replica: Replica): void {
    if (replica.isAlive) return;
    Object.assign(replica, this.replica(replica.id, replica.rate, replica.offset));
  }

  connect(proxy: ModelProxy, replica: Replica): void {
    if (!replica.isAlive) return;
    this.disconnect(proxy);
    proxy.at = replica;
    replica.own.set(proxy.key, { running: proxy.running, rejected: undefined, hung: proxy.hung });
    this.look(replica, proxy.key);
    this.serve(replica);
  }

  disconnect(proxy: ModelProxy): void {
    proxy.at?.own.delete(proxy.key);
    proxy.at = undefined;
    proxy.sent = undefined;
  }

  /** The proxy loads what it was sent, hangs with it, or rejects it. */
  answer(proxy: ModelProxy): void {
    const { at, sent } = proxy;
    if (at === undefined || sent === undefined || !at.isAlive) return;
    const isRejected = this.bad.has(sent);
    Object.assign(proxy, { sent: undefined, ...(isRejected ? {} : { running: sent, hung: this.hanging.has(sent) ? sent : undefined }) });
    at.own.set(proxy.key, { running: proxy.running, rejected: isRejected ? sent : undefined, hung: proxy.hung });
    this.look(at, proxy.key);
    this.serve(at);
  }

  /** What a replica was to get next from this peer arrives. */
  deliver(link: Link): void {
    link.queue.shift()?.();
  }

  breakLink(link: Link): void {
    link.isOpen = false;
    link.queue.length = 0;
  }

  /** What the replica asked for first arrives at the API server, and its answer at the replica. */
  land(replica: Replica): void {
    if (!this.isDown && replica.reachesApi) replica.requests.shift()?.run();
  }

  /** The watch brings the newest object. */
  watch(replica: Replica): void {
    if (this.isDown || !replica.reachesApi || !replica.isAlive || replica.seen.version === this.stored.version) return;
    this.saw(replica, this.stored);
  }

  /** Time passes, and everybody does what is due. */
  tick(ms: number): void {
    this.now += ms;
    for (const replica of this.replicas) {
      if (!replica.isAlive) continue;
      if (replica.requests.length < 4) this.elect(replica);
      fetchModules(replica, this.isLeading(replica), this.linksFrom(replica), this.isRegistryAway);
      this.decide(replica);
      this.tell(replica);
      this.serve(replica);
    }
  }

  private replica(id: string, rate: number, offset: number): Replica {
    return newReplica(id, `${id}-${this.processes++}`, { rate, offset }, this.stored);
  }

  private store(change: Partial<Stored>): Stored {
    const next = { ...this.stored, ...change, version: this.stored.version + 1 };
    this.records.push(next);
    return next;
  }

  private elect(replica: Replica): void {
    const { election, process } = replica;
    const sent = this.momentOf(replica);
    const step = election.next(sent);
    replica.requests.push({
      run: () => {
        if (step.kind === "look") return election.saw(this.lease, this.momentOf(replica));
        if (this.lease?.version !== (step.kind === "make" ? undefined : step.replaces.version)) return election.refused();
        const transitions = step.kind === "make" ? 0 : step.transitions;
        this.lease = { holder: process, durationMs: 15_000, transitions, version: String(++this.leaseVersion) };
        election.took(this.lease, sent, this.momentOf(replica));
      },
    });
  }

  /** The record as this replica sees it now; what somebody else wrote is taken over, by whoever leads too. */
  private saw(replica: Replica, stored: Stored): void {
    const isOther = stored.rollout !== replica.seen.rollout;
    replica.seen = stored;
    replica.withdrawals.recorded(UID, stored.rollout);
    if (isOther) {
      replica.rollout = stored.rollout;
      replica.proposal = undefined;
    }
    this.serve(replica);
  }

  /** A proxy of the replica's own rejected what is going out, or hangs with it. */
  private look(replica: Replica, key: string): void {
    const { rejected, hung } = replica.own.get(key) ?? {};
    if (rejected !== undefined) this.judge(replica, key, rejected, "Rejected");
    if (hung !== undefined) this.judge(replica, key, hung, "ProxyHung");
  }

  private judge(replica: Replica, key: string, revision: number, reason: "Rejected" | "ProxyHung"): void {
    const { rollout } = replica;
    const fault = { reason, message: `proxy ${key}: no` };
    if (rollout.target !== revision || !takesBack(rollout, POLICY, fault)) return;
    this.withdraw(replica, { filter: key, uid: UID, target: revision, startedAt: rollout.startedAt, ...fault });
  }

  private withdraw(replica: Replica, withdrawal: Withdrawal): void {
    if (!replica.withdrawals.add(withdrawal, replica.seen.rollout)) return;
    for (const [link, to] of this.linksFrom(replica)) if (link.isOpen) link.queue.push(() => this.withdraw(to, withdrawal));
    this.serve(replica);
  }

  private *linksFrom(replica: Replica): Iterable<[Link, Replica]> {
    for (const to of this.replicas) {
      const link = this.links.get(`${replica.id} ${to.id}`);
      if (link !== undefined) yield [link, to];
    }
  }

  /** Streams are opened where they can be, and begin with everything; then each turn tells how the proxies stand, and whether this replica leads. */
  private tell(replica: Replica): void {
    for (const [link, to] of this.linksFrom(replica)) {
      if (link.isCut || !to.isAlive) this.breakLink(link);
      else if (!link.isOpen) {
        link.isOpen = true;
        for (const withdrawal of replica.withdrawals.all()) link.queue.push(() => this.withdraw(to, withdrawal));
      }
      if (!link.isOpen) continue;
      const proxies = new Map(replica.own);
      const leads = this.isLeading(replica);
      link.queue.push(() => {
        if (leads) to.heardLeaderAt = this.momentOf(to).steady;
        to.reported.set(replica.id, proxies);
        for (const [key, { rejected }] of proxies) if (rejected !== undefined) this.judge(to, key, rejected, "Rejected");
      });
    }
  }

  private decide(replica: Replica): void {
    if (!this.isLeading(replica)) {
      if (replica.leadsSince !== undefined) Object.assign(replica, { rollout: replica.seen.rollout, proposal: undefined });
      replica.leadsSince = undefined;
      return;
    }
    const now = this.momentOf(replica).wall;
    if (replica.leadsSince === undefined) Object.assign(replica, { leadsSince: now, rollout: replica.seen.rollout, proposal: undefined });
    this.commit(replica, now);
    const next = nextOf(replica, fleetOf(replica), now);
    const { proposal, rollout } = replica;
    if (next === rollout || (next.phase === "Progressing" && !replica.store.has(next.target ?? 0))) {
      if (proposal?.isForward) replica.proposal = undefined;
      // A step back that came into force before it was written is written yet: what is recorded is what who decides knows.
      else if (next === rollout && rollout !== replica.seen.rollout && replica.requests.length < 4)
        this.propose(replica, rollout, false, now);
      return;
    }
    const isForward = goesForward(rollout, next);
    if (proposal !== undefined && (!proposal.isForward || isForward)) return;
    this.propose(replica, next, isForward, now);
  }

  private propose(replica: Replica, state: RolloutState, isForward: boolean, madeAt: number): void {
    const proposal = { state, isForward, madeAt, isWritten: false };
    replica.proposal = proposal;
    const { election, seen: base } = replica;
    replica.requests.push({
      run: () => {
        // It may arrive late: it replaces what its writer knew, or nothing.
        if (this.stored.version !== base.version) return this.refused(replica, proposal);
        const stored = this.store({ rollout: state });
        if (replica.election !== election || replica.proposal !== proposal) return;
        replica.seen = stored;
        proposal.isWritten = true;
      },
    });
  }

  /** Somebody wrote the object since: a new wish is looked at, another's record is taken over. */
  private refused(replica: Replica, proposal: NonNullable<Replica["proposal"]>): void {
    if (replica.proposal === proposal) replica.proposal = undefined;
    this.saw(replica, this.stored);
  }

  private commit(replica: Replica, now: number): void {
    const { proposal } = replica;
    if (proposal === undefined) return;
    const waits = proposal.isForward || now < proposal.madeAt + STEP_BACK_MS;
    if (!proposal.isWritten && waits) return;
    replica.rollout = proposal.state;
    replica.proposal = undefined;
  }

  /** Every proxy of the replica is sent what it is due: by the record, or by what its leader decided and recorded. */
  private serve(replica: Replica): void {
    const isLeading = this.isLeading(replica);
    const rollout = isLeading ? replica.rollout : replica.seen.rollout;
    const withdrawal = replica.withdrawals.of(UID, rollout);
    const filter = servedFilter(withdrawal === undefined ? rollout : withdrawn(rollout), replica.store);
    const isFresh = isLeading || this.momentOf(replica).steady - replica.heardLeaderAt < FRESH_MS;
    for (const proxy of this.proxies) {
      if (proxy.at !== replica) continue;
      const seen = replica.own.get(proxy.key);
      const place = placeOf(proxy.key, filter, line, {
        withholds: (_proxy, _id, hash) => seen?.rejected !== undefined && hash === `h${seen.rejected}`,
        defers: (_proxy, hash) => !isFresh && hash !== `h${proxy.running}`,
        takesChains: () => true,
      });
      const due = place !== undefined && "revision" in place ? place.revision : undefined;
      proxy.sent = due === undefined || due === proxy.running ? undefined : due;
    }
  }
}
