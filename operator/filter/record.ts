import type { ChainEntry } from "../../model/delivery.ts";
import type { Digest } from "../../model/digest.ts";
import { type Filter, type FilterKey, filterId } from "../../model/filter.ts";
import type { WasmFilter, WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import { proxyKey } from "../../model/proxy-key.ts";
import type { Failure } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import type { Measurements } from "../../model/verdict.ts";
import type { Verdict } from "../../model/verify.ts";
import type { WaveCount } from "../../model/wave-count.ts";
import type { Judgement } from "../policy/permits.ts";
import { outgoingHash } from "../rollout/dark.ts";
import type { RolloutState } from "../rollout/state.ts";
import { authorOf } from "./author.ts";
import { type Demand, demandOf, isForgotten, slotOf } from "./demand.ts";
import { type Facts, type Found, initialFacts, type Proposal, type Resolution, type Trouble } from "./facts.ts";
import { afterLook, type LastLook, type Look } from "./look.ts";
import { uidOf } from "./object.ts";
import type { KnownRejection } from "./rejection.ts";
import type { RevisionIdentity } from "./revision-identity.ts";
import { chainEntryOf, findOrMake } from "./revisions.ts";
import type { Stage } from "./steps.ts";
import { inherited } from "./succession.ts";
import { attested, withVerdicts } from "./verdicts.ts";

const NO_REJECTIONS: ReadonlyMap<string, KnownRejection> = new Map();

/**
 * All that the operator knows of one WasmFilter object; one record for each uid, which may take the place of one before. The fields can be read by everyone and change only through the
 * transitions below, which the reconcile and its tasks call.
 */
export class FilterRecord implements Readonly<Facts> {
  readonly id: string;
  readonly key: FilterKey;
  readonly uid: string;
  /** How many proxies the last status counted when this record was made: those that an operator just started may expect back. */
  readonly expected: number;
  /** Revision number -> what to serve of it: its settings are whole and its module is in the store. */
  readonly deliverable: ReadonlyMap<number, ChainEntry>;

  declare readonly object: WasmFilter;
  declare readonly filter: Filter | undefined;
  declare readonly isAimed: boolean;
  declare readonly isAwaited: boolean;
  declare readonly parsed: boolean;
  declare readonly resolution: Resolution;
  declare readonly resolveAt: number | undefined;
  declare readonly resolveSetAt: number;
  declare readonly lastLook: LastLook;
  declare readonly ask: string | undefined;
  declare readonly trouble: Trouble | undefined;
  declare readonly measurements: Measurements | undefined;
  declare readonly judgement: Judgement | undefined;
  declare readonly verdicts: readonly Verdict[];
  declare readonly candidate: Revision | undefined;
  declare readonly unrecorded: Facts["unrecorded"];
  declare readonly revisions: readonly Revision[];
  declare readonly rewritten: readonly Revision[];
  declare readonly rollout: RolloutState;
  declare readonly proposal: Proposal | undefined;
  declare readonly recalled: boolean;
  declare readonly passed: boolean;
  declare readonly rejections: ReadonlyMap<string, KnownRejection>;
  declare readonly nextStepAt: number | undefined;
  declare readonly waveCount: WaveCount | undefined;
  declare readonly watchedSince: number | undefined;
  declare readonly status: WasmFilterStatus | undefined;

  constructor(object: WasmFilter, before?: FilterRecord) {
    this.key = { namespace: object.metadata.namespace ?? "default", name: object.metadata.name };
    this.id = filterId(this.key);
    this.uid = uidOf(object);
    this.expected = object.status?.proxies?.matched ?? 0;
    this.become({ ...initialFacts(object), ...(before === undefined ? {} : inherited(before)) });
    this.deliverable = new Map(before?.deliverable);
  }

  /** Takes in the object as the source shows it now. */
  observe(object: WasmFilter): void {
    const isSameSpec = this.object.metadata.generation === object.metadata.generation;
    this.become({ object, parsed: this.parsed && isSameSpec });
  }

  /** The present spec parsed: it is in force from now on, and its module is to be looked for. */
  accept(filter: Filter, now: number): void {
    const pending = { candidate: undefined, judgement: undefined, unrecorded: undefined, resolution: { state: "pending" } as const };
    const isAwaited = this.isAwaited || !filter.suspend;
    this.become({ filter, isAimed: true, isAwaited, parsed: true, resolveAt: now, resolveSetAt: now, ...pending });
  }

  /** No spec is in force. Whether the selector of the present one could be read. */
  aim(isAimed: boolean): void {
    this.become({ isAimed });
  }

  /** Work on the filter threw, or succeeded again. */
  hasTrouble(trouble: Trouble | undefined): void {
    this.become({ trouble });
  }

  /** True while it is not known which proxies it is for, or which revision an earlier run served. */
  get isHeld(): boolean {
    const isUnread = !this.recalled && this.object.status?.stableRevision !== undefined;
    return !this.isAimed || isUnread || isForgotten(this);
  }

  /** The slot of the spec in force; where none is, of the present one. */
  get slot(): string | undefined {
    return slotOf(this);
  }

  get demand(): Demand | undefined {
    return demandOf(this);
  }

  /**
   * What earlier runs recorded: revisions (`rewritten`: those whose record is to be rewritten), and where the rollout stood. A proxy that rejected the target
   * then is not offered it again. Told again, where another server decides.
   */
  recall(revisions: readonly Revision[], rewritten: readonly Revision[], rollout: RolloutState): void {
    if (this.rejectionsUnder(rollout) !== this.rejections) this.become({ rejections: new Map() });
    this.become({ revisions, rewritten, rollout, recalled: true });
    const { status } = this.object;
    const hash = outgoingHash({ revisions, rollout });
    if (hash === undefined || status === undefined || rollout.target !== status.revision) return;
    // Statuses of earlier versions have the node id alone: it meant a proxy of the filter's own namespace.
    for (const { proxy, namespace = this.key.namespace, message } of status.rejections ?? []) {
      this.reject(proxyKey(namespace, proxy), { hash, message, at: 0 });
    }
  }

  /** The status speaks of revisions that were not read: nothing is decided, and proxies keep what they have, until they are. */
  recallAgain(): void {
    this.become({ recalled: false });
  }

  /** The source has the record of this revision as it is now, or need not have it any more. */
  settle(revision: Revision): void {
    this.become({ rewritten: this.rewritten.filter((each) => each !== revision) });
  }

  /** Resolving is due at this time; `undefined`: nothing to look for. */
  resolveNext(at: number | undefined, now: number): void {
    this.become({ resolveAt: at, resolveSetAt: now });
  }

  /** Somebody asks for a look at the tag, or no longer. */
  askFor(ask: string | undefined): void {
    this.become({ ask });
  }

  /** The spec was resolved. `look`: what was found where the tag was looked at; `ask`: who asked for that. */
  looked(look: Look | undefined, ask: string | undefined): void {
    if (look === undefined && ask === undefined) return;
    this.become({ lastLook: afterLook(this.lastLook, look, ask) });
    if (this.ask === ask) this.become({ ask: undefined });
  }

  /** Policies judged the present spec. */
  judge(judgement: Judgement): void {
    this.become({ judgement });
  }

  /** The present spec stopped at this stage. Where it does not parse, the last one that did stays in force, and nothing is looked for. */
  stop(stage: Stage, error: Failure, now: number): void {
    const { resolution } = this;
    if (stage === "parse") this.become({ parsed: true, resolveAt: undefined, candidate: undefined, unrecorded: undefined });
    if (stage === "record" && !error.retryable) this.become({ unrecorded: undefined });
    const heldOver =
      this.candidate !== undefined && (resolution.state === "done" || (resolution.state === "failed" && resolution.heldOver));
    // A clock that was set back moves the time along.
    const since = resolution.state === "failed" ? Math.min(resolution.since, now) : now;
    this.become({ resolution: { state: "failed", stage, error, heldOver, since } });
  }

  /** The filter is suspended, and its spec asks for something else than what is served: that waits. */
  holdBack(): void {
    this.become({ candidate: undefined, unrecorded: undefined, resolution: { state: "pending" } });
  }

  /** The present spec, which `manager` wrote, leads to this content. The revision with it becomes the candidate, at once if it is kept, else when it is recorded. */
  resolve(found: Found, manager: string | undefined, now: number, identity: RevisionIdentity): void {
    const { content, measurements, verdicts, audited } = found;
    const { revision, isNew } = findOrMake(this.key, this.revisions, content, now, identity, this.deliverable);
    this.become({ verdicts });
    const all = [...verdicts, ...audited];
    const author = () => authorOf(this.object, manager, this.revisions.at(-1));
    if (isNew) this.become({ unrecorded: { revision: { ...withVerdicts(revision, all), author: author() }, measurements } });
    else this.choose(revision, measurements, all);
  }

  /** What runs lacks a signature that is demanded: this kept revision, which is whole and has them, takes its place. */
  fallBack(candidate: Revision, verdicts: readonly Verdict[]): void {
    this.become({ ...attested(this, candidate.number, verdicts), candidate, unrecorded: undefined });
  }

  /** The revision is in the source's history. Where another spec came in between, what that one leads to takes the next number. */
  recorded(revision: Revision): void {
    const { unrecorded } = this;
    this.become({ revisions: [...this.revisions, revision] });
    if (unrecorded?.revision === revision) {
      this.become({ unrecorded: undefined });
      this.choose(revision, unrecorded.measurements);
    } else if (unrecorded?.revision.number === revision.number) {
      this.become({ unrecorded: { ...unrecorded, revision: { ...unrecorded.revision, number: revision.number + 1 } } });
    }
  }

  /** A revision is about to be deleted from the source's history: from now on nothing leads to it. */
  prune(revision: Revision): void {
    this.become({ revisions: this.revisions.filter((kept) => kept !== revision) });
    this.settle(revision);
  }

  /** The revision could not be deleted. */
  restore(revision: Revision): void {
    this.become({ revisions: [...this.revisions, revision].sort((a, b) => a.number - b.number) });
  }

  /** This revision can be served: its settings are whole, and its module is in the store. */
  provide(revision: Revision): void {
    (this.deliverable as Map<number, ChainEntry>).set(revision.number, chainEntryOf(this.key, revision));
  }

  /** What needs this module cannot be served any more. Returns whether something does. */
  withdrawModule(wasmDigest: Digest): boolean {
    const lost = [...this.deliverable.values()].filter((entry) => entry.wasmDigest === wasmDigest);
    for (const { revision } of lost) this.withdraw(revision);
    return lost.length > 0;
  }

  /** This revision need not be served any more. */
  withdraw(number: number): void {
    (this.deliverable as Map<number, ChainEntry>).delete(number);
  }

  /** Decides on the rollout's next state, in place of an earlier proposal. */
  propose(proposal: Proposal): void {
    this.become({ proposal });
  }

  /** The proposal is not wanted any more. */
  retract(): void {
    this.become({ proposal: undefined });
  }

  /** The source holds a status with this proposal. */
  confirm(proposal: Proposal): void {
    if (this.proposal === proposal) this.become({ proposal: { ...proposal, isWritten: true } });
  }

  /** Puts it in force. */
  commit({ state }: Proposal): void {
    if (this.rejectionsUnder(state) !== this.rejections) this.become({ rejections: new Map() });
    this.become({ rollout: state, proposal: undefined });
  }

  /** The rejections that count under this state of the rollout. A content that is tried again is judged by what proxies say to it from then on. */
  rejectionsUnder(state: RolloutState): ReadonlyMap<string, KnownRejection> {
    const beginsAnew = state.phase === "Progressing" && state.startedAt !== this.rollout.startedAt;
    return beginsAnew ? NO_REJECTIONS : this.rejections;
  }

  /** A proxy rejected this revision. */
  reject(proxy: string, rejection: KnownRejection): void {
    (this.rejections as Map<string, KnownRejection>).set(proxy, rejection);
  }

  /** What a proxy rejected says nothing any more: it took the revision up, is another process, or is gone. */
  forgive(proxy: string): void {
    (this.rejections as Map<string, KnownRejection>).delete(proxy);
  }

  /** Proxies may be answered as far as this filter goes. */
  pass(): void {
    this.become({ passed: true });
  }

  /** The proxies that were there before the start are back, or had their time to be. A clock that was set back moves the time along. */
  watch(now: number): void {
    this.become({ watchedSince: Math.min(this.watchedSince ?? now, now) });
  }

  /** The rollout goes on at this time though nothing happens, and is judged by these numbers. */
  waitUntil(nextStepAt: number | undefined, waveCount: WaveCount | undefined): void {
    this.become({ nextStepAt, waveCount });
  }

  /** The source holds this status now. */
  reported(status: WasmFilterStatus): void {
    this.become({ status });
  }

  /** The spec leads to this revision. Its module was just resolved, so it can be served. */
  private choose(revision: Revision, measurements: Measurements | undefined, verdicts: readonly Verdict[] = []): void {
    this.become(attested(this, revision.number, verdicts));
    this.provide(revision);
    const isMeasured = measurements !== undefined || this.candidate?.number !== revision.number;
    this.become({ candidate: revision, resolution: { state: "done" }, measurements: isMeasured ? measurements : this.measurements });
  }

  private become(change: Partial<Facts>): void {
    Object.assign(this, change);
  }
}
