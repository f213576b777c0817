import type { Requeue, WorkQueue } from "../base/work-queue.ts";
import { noCrashJournal } from "../model/crash-journal.ts";
import type { Digest } from "../model/digest.ts";
import type { WasmFilter, WasmFilterStatus } from "../model/gen/wasmfilter.ts";
import { alone, type HeardLeadership } from "../model/leadership.ts";
import { type Metrics, silentMetrics } from "../model/metrics.ts";
import type { Failure } from "../model/result.ts";
import type { FilterRecord } from "./filter/record.ts";
import { createRecords, type Records } from "./filter/records.ts";
import { createRetention, type Retention } from "./filter/retention.ts";
import { createRevisionIdentity, type RevisionIdentity } from "./filter/revision-identity.ts";
import type { Stage } from "./filter/steps.ts";
import { createHealthWatch } from "./fleet/health.ts";
import { createFleetIndex, type FleetIndex } from "./fleet/index.ts";
import { createObserver, type Observer } from "./fleet/observe.ts";
import { createFleetWatch, type FleetWatch } from "./fleet/watch.ts";
import { FORGET_PROXY_MS, type OperatorOptions, SETTLE_MS, STARTUP_MS } from "./options.ts";
import { createPolicing, type Policing } from "./policy/policing.ts";
import { createPolicyReporter, type PolicyReporter } from "./policy/reporter.ts";
import { createAcquire } from "./reconcile/acquire.ts";
import { type Changes, createChanges } from "./reconcile/changes.ts";
import { createEvents, type EventListener, type Events } from "./reconcile/events.ts";
import { createFirstPass, type FirstPass } from "./reconcile/first-pass.ts";
import { createFollow } from "./reconcile/follow.ts";
import { createKeeping, type Keeping } from "./reconcile/keeping.ts";
import { measured } from "./reconcile/measured.ts";
import { Pace } from "./reconcile/pace.ts";
import { recall } from "./reconcile/recall.ts";
import { createReconcile } from "./reconcile/reconcile.ts";
import { createRollOut } from "./reconcile/roll-out.ts";
import { createSettling, type Settling } from "./reconcile/settling.ts";
import { createFilterQueue, createTaskQueues, type QueueDeps, queueDepsOf, type TaskQueues, type TaskWork } from "./reconcile/tasks.ts";
import { createWithdrawing, type Withdrawing } from "./reconcile/withdrawing.ts";
import { createWrite } from "./reconcile/write.ts";
import type { Refused, Resolved } from "./resolve/resolve.ts";
import { createResolver } from "./resolve/resolver.ts";
import type { RolloutState } from "./rollout/state.ts";
import { WaveLine } from "./rollout/wave.ts";
import { type Assignments, createAssignments } from "./serve/assignments.ts";
import { createOverrides } from "./serve/overrides.ts";
import { buildStatus } from "./status/build.ts";

/** The running operator. Level-based: every change leads to a look at everything it concerns, and the same state leads to the same result. */
export interface Operator {
  /** Resolves when the desired state was listed and every filter had its first pass (or the start-up time is over). */
  start(): Promise<void>;
  stop(): Promise<void>;
  ready(): boolean;
  records(): Iterable<FilterRecord>;
  /** The objects with their status as of now; `policies`: the same of WasmPolicies. */
  filters(): readonly WasmFilter[];
  readonly policies: Pick<PolicyReporter, "current">;
  onEvent(listener: EventListener): () => void;
}

export function createOperator(options: OperatorOptions): Operator {
  return new QueueingOperator(options);
}

/** Reconciles never wait, so this bounds how many are decided in one turn of the event loop. */
const RECONCILE_AT_ONCE = 64;

/** What happens anywhere becomes a key in one work queue. `reconcile` decides, tasks do what is slow, and assignments tell the proxies. */
class QueueingOperator implements Operator {
  private readonly options: OperatorOptions;
  private readonly metrics: Metrics;
  private readonly leadership: HeardLeadership;
  /** The objects as the source showed them last. */
  private readonly objects = new Map<string, WasmFilter>();
  private readonly known: Records = createRecords();
  private readonly policing: Policing;
  readonly policies: PolicyReporter;
  private readonly identity: RevisionIdentity;
  private readonly retention: Retention;
  private readonly index: FleetIndex;
  private readonly observer: Observer;
  private readonly settling: Settling;
  private readonly firstPass: FirstPass;
  private readonly events: Events;
  private readonly watch: FleetWatch;
  private readonly assignments: Assignments;
  private readonly tasks: TaskQueues;
  private readonly queue: WorkQueue;
  private readonly changes: Changes;
  private readonly withdrawing: Withdrawing;
  private readonly unsubscribe: (() => void)[] = [];
  private isServing = false;

  constructor(options: OperatorOptions) {
    const { source, fleet, clock, log } = options;
    this.options = options;
    this.metrics = options.metrics ?? silentMetrics;
    this.leadership = options.leadership ?? alone;
    this.policing = createPolicing({ ...options, records: this.known });
    this.policies = createPolicyReporter({ ...this.policing, source, records: this.known, leadership: this.leadership, clock, log });
    this.identity = createRevisionIdentity(options.keys.keyedHash("revision identity"));
    const line = new WaveLine(options.keys.keyedHash("wave position"));
    this.retention = createRetention(this.known, options.registry, this.objects);
    this.index = createFleetIndex(options.ownNamespace);
    this.observer = createObserver({ fleet, clock, index: this.index, line });
    this.settling = createSettling({
      ...{ clock, index: this.index, settleMs: options.settleMs ?? SETTLE_MS },
      objects: () => source.filters().values(),
    });
    this.firstPass = createFirstPass(clock, options.startupMs ?? STARTUP_MS);
    this.events = createEvents(source, log, options.peers);
    this.withdrawing = createWithdrawing({
      ...{ records: this.known, index: this.index, peers: options.peers, events: this.events },
      assign: (proxyKeys) => this.assignments.mark(proxyKeys),
      add: (id) => this.queue.add(id),
    });
    this.assignments = createAssignments({
      ...{ assigner: fleet, line },
      filtersOf: (proxyKey) => this.known.of(this.index.filtersOf(proxyKey)).map(this.withdrawing.served),
      isOwn: (proxyKey) => options.peers?.isOwn(proxyKey) !== false,
      overrides: createOverrides({
        ...{ fleet, record: this.known.get, peers: options.peers, leadership: this.leadership },
        withheld: (key) => this.watch.withheld(key),
      }),
      failed: (proxy, error) => log.error("a proxy could not be told its filters; it keeps what it has", { proxy, error: String(error) }),
      isBusy: () => this.queue.depth() > 0,
    });
    this.watch = createFleetWatch({
      ...{ fleet, index: this.index, clock, log, record: this.known.get },
      forgetProxyMs: options.forgetProxyMs ?? FORGET_PROXY_MS,
      ...{ due: this.assignments.mark, touched: this.observer.touch },
      concerned: (records) => {
        for (const { id } of records) this.queue.add(id);
      },
    });
    this.tasks = createTaskQueues(this.taskWork(), this.queueDeps());
    const { succeed, reconcile } = this.reconciling();
    this.queue = createFilterQueue("a reconcile", RECONCILE_AT_ONCE, measured(reconcile, this.metrics), this.queueDeps());
    const { known: records, objects, tasks, leadership } = this;
    const add = (id: string) => this.queue.add(id);
    const settle = () => this.settling.begin(() => this.reconcileAll());
    this.changes = createChanges({ ...this.policing, source, objects, records, tasks, leadership, clock, succeed, settle, add });
    this.metrics.gauge("queue_depth", () => this.queue.depth());
  }

  async start(): Promise<void> {
    const { source, fleet } = this.options;
    await source.start();
    this.unsubscribe.push(
      this.settling.begin(() => this.reconcileAll()),
      this.withdrawing.start(),
      this.leadership.onChange(() => this.changes.role()),
      source.onChange((change) => this.changes.source(change)),
      source.onChange(() => this.policies.note()),
      this.policies.stop,
      fleet.onChange((ids) => this.watch.changed(ids)),
      fleet.onChange((ids) => this.withdrawing.overrule(ids)),
      fleet.onMissing((wasmDigest) => this.moduleLost(wasmDigest)),
      this.options.registry.onLost((wasmDigest) => this.moduleLost(wasmDigest)),
    );
    const ids = new Set(source.filters().keys());
    this.changes.source({ filters: ids, references: new Set() });
    await this.firstPass.wait(ids);
    this.isServing = true;
    this.assignments.start();
    this.watch.changed(Array.from(fleet.proxies(), ({ key }) => key));
  }

  async stop(): Promise<void> {
    this.isServing = false;
    for (const stop of this.unsubscribe) stop();
    this.watch.stop();
    this.assignments.stop();
    for (const record of this.known.all()) this.tasks.cancel(record);
    await this.queue.stop();
    await this.tasks.stop();
    await this.options.source.stop();
  }

  ready(): boolean {
    return this.isServing;
  }

  records(): Iterable<FilterRecord> {
    return this.known.all();
  }

  filters(): readonly WasmFilter[] {
    if (!this.leadership.isLeading()) return [...this.options.source.filters().values()];
    return Array.from(this.known.all(), (record) => ({ ...record.object, status: this.statusOf(record, record.rollout) }));
  }

  onEvent(listener: EventListener): () => void {
    return this.events.listen(listener);
  }

  private queueDeps(): QueueDeps {
    const { known: records, objects, metrics } = this;
    return queueDepsOf(this.options, { records, objects, metrics, report: (record) => this.tasks.write(record) });
  }

  private reconciling(): { readonly reconcile: (id: string) => Requeue; readonly succeed: Keeping["succeed"] } {
    const { fleet, peers, clock, crashes = noCrashJournal } = this.options;
    const { index, settling, events, tasks, known, observer, leadership, withdrawing } = this;
    // One that was lost may be with another replica, which only who decides hears for sure.
    const isSeen = (key: string) => leadership.isLeading() || (peers?.isOwn(key) === true && fleet.proxy(key)?.connected === true);
    const proxiesOf = (id: string) => Iterator.from(index.proxiesOf(id)).filter(isSeen);
    const health = createHealthWatch({ fleet, clock, proxiesOf, record: known.get });
    const passed = (record: FilterRecord) => this.passed(record);
    const assign = this.assignments.mark;
    const moved = (record: FilterRecord) => this.changes.moved(record);
    const watching = { withdrawing, pace: new Pace(), health: (record: FilterRecord, restMs: number) => health.look(record, restMs) };
    const rollOut = createRollOut({ ...this.policing, ...watching, settling, emit: events.emit, write: tasks.writeNow });
    const keeping = createKeeping({
      ...{ records: known, index, observer, rollOut, withdrawing, tasks, assign },
      object: (id) => this.objects.get(id),
      dropped: (record) => {
        tasks.forget(record);
        health.forget(record);
        this.retention.update();
        this.passed(record);
        moved(record);
      },
    });
    const reconcile = createReconcile({
      ...{ keeping, crashes, index, observer, clock, leadership, tasks, rollOut, assign, moved, passed },
      follow: createFollow({ ...watching, leadership, tasks, passed }),
      refused: (record, error) => this.stopped(record, "parse", error),
    });
    return { reconcile, succeed: keeping.succeed };
  }

  private taskWork(): TaskWork {
    const { options, known, metrics, identity, leadership } = this;
    const { source, registry, parseKeychain, implied, peers, clock, log, random } = options;
    const resolver = createResolver({ ...options, identity, permits: this.policing.permits, revisionsOf: known.revisionsOf });
    const { isCurrent } = known;
    return {
      recall: async (record) => {
        const requeue = await recall(record, { source, registry, parseKeychain, implied, identity, leadership, log, clock });
        if (record.recalled) this.recalled(record);
        return requeue;
      },
      acquire: createAcquire({
        ...{ source, registry, parseKeychain, implied, identity, peers, resolver, clock, random, metrics, leadership, isCurrent },
        ...{ emit: this.events.emit, begins: this.policing.begins },
        judged: () => this.policies.note(),
        resolved: (record, value) => this.resolved(record, value),
        stopped: (record, stage, error, fallback) => this.stopped(record, stage, error, fallback),
        provided: (record) => this.assignments.mark(this.index.proxiesOf(record.id)),
      }),
      write: createWrite({
        ...{ leadership, source, log, metrics, isCurrent },
        status: (record, rollout) => this.statusOf(record, rollout),
        emit: this.events.emit,
        unrecorded: (record, error) => this.stopped(record, "record", error),
        written: (record) => this.queue.add(record.id),
      }),
      done: (record) => this.queue.add(record.id),
    };
  }

  private reconcileAll(): void {
    for (const { id } of this.known.all()) this.queue.add(id);
  }

  private recalled(record: FilterRecord): void {
    this.retention.update();
    this.assignments.mark(this.index.proxiesOf(record.id));
    if (record.passed) this.firstPass.done(record.id);
  }

  private resolved(record: FilterRecord, found: Resolved): void {
    this.events.letThrough(record, found.measurements?.told);
    record.resolve(found, this.options.source.managerOf?.(record.id), this.options.clock.now(), this.identity);
    if (record.unrecorded !== undefined) this.tasks.writeNow(record);
    // A kept revision may have been waiting for this module.
    else this.assignments.mark(this.index.proxiesOf(record.id));
    this.retention.update();
  }

  private stopped(record: FilterRecord, stage: Stage, error: Failure, fallback?: Refused["fallback"]): void {
    const before = record.resolution;
    record.stop(stage, error, this.options.clock.now());
    if (fallback !== undefined) record.fallBack(fallback.revision, fallback.verdicts);
    if (this.leadership.isLeading()) this.events.failed(record, before, error);
  }

  private passed(record: FilterRecord): void {
    record.pass();
    this.firstPass.done(record.id);
  }

  /** The server found that a module is not in the store any more: what needs it is held until it is there again. */
  private moduleLost(wasmDigest: Digest): void {
    for (const { id } of Iterator.from(this.known.all()).filter((record) => record.withdrawModule(wasmDigest))) {
      this.assignments.mark(this.index.proxiesOf(id));
      this.queue.add(id);
    }
  }

  private statusOf(record: FilterRecord, rollout: RolloutState): WasmFilterStatus {
    return buildStatus(record, rollout, { observer: this.observer, clock: this.options.clock, settling: this.settling });
  }
}
