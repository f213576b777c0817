import { bounded } from "../../base/boundary.ts";
import type { Clock } from "../../model/clock.ts";
import type { ApiFailure, Fields, KubeApi } from "../../model/kube.ts";
import type { Leadership } from "../../model/leadership.ts";
import type { Log } from "../../model/log.ts";
import type { Result } from "../../model/result.ts";
import { tellEvent } from "../object-event.ts";
import { refusal } from "../refusal.ts";
import { ELECTION_TIMES, Election, type ElectionStep, type ElectionTimes, type LeaseRecord, type Moment } from "./election.ts";

export interface LeaseOptions {
  readonly api: KubeApi;
  /** Weir's own. */
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Of this process; no other ever has the same. */
  readonly id: string;
  readonly clock: Clock;
  /** Milliseconds by a clock that nobody sets. */
  readonly steady: () => number;
  /** A number in [0, 1) for jitter. */
  readonly random: () => number;
  readonly log: Log;
  readonly times?: ElectionTimes;
}

/** A leadership by a Lease of the API server. */
export interface Lease extends Leadership {
  /** The process with this id is known to have ended: if it holds the lease, nobody waits for its end. */
  succeed(predecessor: string): void;
  /** Takes part in the election from now on. */
  start(): void;
  /** Stops deciding, then lets the lease go, so that another need not wait for its end. Resolves when that is written, or cannot be. */
  release(): Promise<void>;
  /** Who leads, as it was seen last; empty: nobody, or it is not known. */
  holder(): string;
}

/** Between two looks at the lease, or two renewals, with some jitter. */
const TURN_MS = 1_000;
const JITTER = 0.2;
/** An answer that comes later says little of what is now. */
const ANSWER_MS = 5_000;
/** How long the lease is tried to be let go, and the pause between two tries: what is not let go keeps all from deciding until it ends. */
const [RELEASE_MS, AGAIN_MS] = [10_000, 200];
/** No Weir holds a lease for longer. */
const LONGEST_LEASE_MS = 300_000;

type LeaseWrite = Extract<ElectionStep, { readonly replaces: LeaseRecord }>;

export function createLease(options: LeaseOptions): Lease {
  return new ElectedLease(options);
}

class ElectedLease implements Lease {
  private readonly options: LeaseOptions;
  private readonly path: string;
  private readonly election: Election;
  private readonly listeners = new Set<(isLeading: boolean) => void>();
  private wasLeading = false;
  private isStopped = false;
  private turn: Promise<void> = Promise.resolve();
  private cancelTurn: () => void = () => {};
  private cancelEnd: () => void = () => {};
  /** Since when this process holds the lease, as the lease says it. */
  private acquiredAt = "";
  /** Of the Lease. */
  private uid: string | undefined;
  private trouble: string | undefined;
  private released: Promise<void> | undefined;
  /** Nothing is asked for longer than until then, by the steady clock. */
  private until = Number.POSITIVE_INFINITY;

  constructor(options: LeaseOptions) {
    this.options = options;
    this.path = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
    this.election = new Election(options.id, options.times);
  }

  isLeading(): boolean {
    return this.election.isLeading(this.now());
  }

  onChange(listener: (isLeading: boolean) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  holder(): string {
    return this.election.holder;
  }

  succeed(predecessor: string): void {
    this.election.succeed(predecessor);
  }

  start(): void {
    this.goOn(0);
  }

  release(): Promise<void> {
    this.released ??= this.end();
    return this.released;
  }

  private async end(): Promise<void> {
    const { clock, steady } = this.options;
    this.until = steady() + RELEASE_MS;
    this.isStopped = true;
    this.cancelTurn();
    this.election.resign();
    this.review();
    await this.turn;
    while (steady() < this.until) {
      const step = this.election.next(this.now());
      if (step.kind === "renew") {
        if (await this.letGo(step)) return;
      } else if (this.election.isUnsure) await this.take(step);
      else return;
      await new Promise<void>((resolve) => void clock.after(AGAIN_MS, resolve));
    }
  }

  /** False when the lease may still be held. */
  private async letGo({ replaces, transitions }: LeaseWrite): Promise<boolean> {
    const written = await this.write(replaces.version, transitions, { holder: "", seconds: 1 });
    if (written.ok) this.options.log.info("the lease is let go; another replica may decide", { lease: this.id });
    else this.election.refused();
    return written.ok;
  }

  private get id(): string {
    return `${this.options.namespace}/${this.options.name}`;
  }

  private now(): Moment {
    return { steady: this.options.steady(), wall: this.options.clock.now() };
  }

  private goOn(ms: number): void {
    if (this.isStopped) return;
    this.cancelTurn = this.options.clock.after(ms, () => {
      const step = this.election.next(this.now());
      this.turn = this.take(step).then(() => {
        this.review();
        const isWaiting = step.kind !== "look" || this.election.next(this.now()).kind === "look";
        this.goOn(isWaiting ? TURN_MS * (1 - JITTER / 2 + JITTER * this.options.random()) : 0);
      });
    });
  }

  private async take(step: ElectionStep): Promise<void> {
    const sent = this.now();
    if (step.kind === "look") {
      const found = await this.request({ path: `${this.path}/${this.options.name}` });
      this.tell("get", found);
      if (found.ok) this.election.saw(recordOf(found.value), this.now());
      else if (found.error.status === 404) this.election.saw(undefined, this.now());
      return;
    }
    if (step.kind !== "renew") this.acquiredAt = timeOf(this.options.clock.now());
    const holder = { holder: this.options.id, seconds: this.leaseMs / 1_000 };
    const written =
      step.kind === "make" ? await this.write(undefined, 0, holder) : await this.write(step.replaces.version, step.transitions, holder);
    if (written.ok) {
      this.uid = uidOf(written.value);
      this.election.took(recordOf(written.value), sent, this.now());
    } else this.election.refused();
  }

  /** `version`: what it replaces; `undefined`: it is made. */
  private async write(
    version: string | undefined,
    leaseTransitions: number,
    { holder, seconds }: { readonly holder: string; readonly seconds: number },
  ): Promise<Result<Fields, ApiFailure>> {
    const { name, namespace, clock } = this.options;
    const renewTime = timeOf(clock.now());
    const spec = { holderIdentity: holder, leaseDurationSeconds: seconds, acquireTime: this.acquiredAt, renewTime, leaseTransitions };
    const labels = { "app.kubernetes.io/managed-by": "weir" };
    const metadata = { name, namespace, labels, ...(version === undefined ? {} : { resourceVersion: version }) };
    const body = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
    const written = await this.request(
      version === undefined ? { method: "POST", path: this.path, body } : { method: "PUT", path: `${this.path}/${name}`, body },
    );
    this.tell(version === undefined ? "create" : "update", written);
    return written;
  }

  private request(request: Parameters<KubeApi["request"]>[0]): Promise<Result<Fields, ApiFailure>> {
    return this.options.api.request({ ...request, signal: AbortSignal.timeout(this.answerMs) });
  }

  private get answerMs(): number {
    return Math.max(1, Math.min(ANSWER_MS, this.until - this.options.steady()));
  }

  private get leaseMs(): number {
    return (this.options.times ?? ELECTION_TIMES).leaseMs;
  }

  /** Tells the listeners when this process began to lead or leads no longer, and looks again when that may end. */
  private review(): void {
    const { log, clock } = this.options;
    this.cancelEnd();
    const leadsForMs = this.election.leadsForMs(this.now());
    const isLeading = leadsForMs > 0;
    if (isLeading) this.cancelEnd = clock.after(leadsForMs, () => this.review());
    if (isLeading === this.wasLeading) return;
    this.wasLeading = isLeading;
    log.info(isLeading ? "this replica decides" : "this replica decides no longer", { lease: this.id, replica: this.options.id });
    if (isLeading) this.announce();
    const failed = (error: unknown) => log.error("a change of who decides could not be followed", { error: String(error) });
    for (const listener of this.listeners) bounded(() => listener(isLeading), failed);
  }

  /** As client-go does. https://pkg.go.dev/k8s.io/client-go/tools/leaderelection/resourcelock */
  private announce(): void {
    const { namespace, name, id } = this.options;
    const subject = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", namespace, name, uid: this.uid };
    tellEvent(this.options, subject, { reason: "LeaderElection", message: `${id} became leader` });
  }

  /** Why the lease cannot be had is told once. Somebody else being first is nothing to tell. */
  private tell(verb: string, answer: Result<Fields, ApiFailure>): void {
    const { namespace, log } = this.options;
    const isNews = !answer.ok && answer.error.status !== 404 && answer.error.status !== 409;
    const error = isNews ? refusal({ verb, resource: "leases", id: this.id, namespace }, answer.error).error.message : undefined;
    if (error !== undefined && error !== this.trouble)
      log.warn("the lease cannot be read or written; tried again", { lease: this.id, error });
    if (error === undefined && this.trouble !== undefined) log.info("the lease can be read and written again", { lease: this.id });
    this.trouble = error;
  }
}

/** MicroTime. https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/ */
function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}

function uidOf({ metadata }: Fields): string | undefined {
  return (metadata as { uid?: string } | undefined)?.uid;
}

function recordOf({ metadata, spec }: Fields): LeaseRecord {
  const { resourceVersion = "" } = (metadata ?? {}) as { resourceVersion?: string };
  const { holderIdentity, leaseDurationSeconds, leaseTransitions } = (spec ?? {}) as Fields;
  const numberOf = (value: unknown, fallback: number) => (typeof value === "number" && Number.isFinite(value) ? value : fallback);
  return {
    holder: typeof holderIdentity === "string" ? holderIdentity : "",
    durationMs: Math.min(Math.max(0, numberOf(leaseDurationSeconds, 0) * 1_000), LONGEST_LEASE_MS),
    transitions: numberOf(leaseTransitions, 0),
    version: resourceVersion,
  };
}
