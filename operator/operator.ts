import type { Clock } from "../model/clock.ts";
import type { Fleet } from "../model/delivery.ts";
import type { Digest } from "../model/digest.ts";
import type { LabelSelector } from "../model/filter.ts";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import type { Log } from "../model/log.ts";
import { slotsOf } from "./assignment.ts";
import { ensureEntry } from "./entries.ts";
import { createFleetIndex } from "./fleet-index.ts";
import { createFleetWatch } from "./fleet-watch.ts";
import { createHealthWatch } from "./health-watch.ts";
import type { FleetView } from "./observe.ts";
import { parseFilter } from "./parse/filter.ts";
import { createRecord, type FilterRecord, refusalsFrom } from "./record.ts";
import { refersTo } from "./references.ts";
import type { Resolution, ResolveDeps } from "./resolve.ts";
import { createResolver } from "./resolver.ts";
import { findOrMake } from "./revisions.ts";
import { createSharedSlots } from "./shared-slots.ts";
import type { FilterEvent, Source, SourceChange } from "./source/source.ts";
import { rolloutFrom } from "./status.ts";
import { createStatusWriter } from "./status-writer.ts";
import { createStepper, keepRevision } from "./stepper.ts";

export interface OperatorOptions extends Omit<ResolveDeps, "source"> {
  readonly source: Source;
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  /** Namespace whose filters reach the proxies of every namespace; `undefined`: none. */
  readonly ownNamespace: string | undefined;
  /** How long a lost proxy stays in the counts, as pending. Default 60 s. */
  readonly forgetProxyMs?: number;
  /** How long after a start rollouts wait for the proxies that were there before. Default 10 s. */
  readonly settleMs?: number;
  /** Longest time that proxies wait after a start for the first pass of every filter. Default 15 s. */
  readonly startupMs?: number;
}

/** The running operator. Level-based: every change leads to a look at everything it concerns, and the same state leads to the same result. */
export interface Operator {
  /** Resolves when the desired state was listed and every filter had its first pass (or the start-up time is over). */
  start(): Promise<void>;
  stop(): Promise<void>;
  ready(): boolean;
  records(): Iterable<FilterRecord>;
  /** The objects with their status as of now. */
  filters(): readonly WasmFilter[];
  onEvent(listener: (record: FilterRecord, event: FilterEvent) => void): () => void;
}

export function createOperator(options: OperatorOptions): Operator {
  const { source, fleet, clock, log } = options;
  const { forgetProxyMs = 60_000, settleMs = 10_000, startupMs = 15_000 } = options;
  const records = new Map<string, FilterRecord>();
  const index = createFleetIndex(options.ownNamespace);
  const shared = createSharedSlots();
  const listeners = new Set<(record: FilterRecord, event: FilterEvent) => void>();
  const unsubscribe: (() => void)[] = [];
  let serving = false;
  let startedAt = clock.now();
  let onPass = () => {};

  const proxiesOf = (id: string) => index.proxiesOf(id);
  const statuses = createStatusWriter({ source, fleet, clock, log, proxiesOf, missing });
  const resolver = createResolver({ deps: options, clock, random: options.random, done: resolved });
  const healthWatch = createHealthWatch({ fleet, clock, proxiesOf, record: (id) => records.get(id) });
  const stepper = createStepper({
    ...{ source, fleet, clock, log, statuses, proxiesOf, settled, emit, registry: options.registry, parseKeychain: options.parseKeychain },
    health: healthWatch.look,
    moved(record) {
      assign(proxiesOf(record.id));
      retain();
    },
  });

  const watch = createFleetWatch({
    ...{ fleet, index, clock, log, forgetProxyMs, record: (id) => records.get(id), due: assign },
    concerned(all) {
      for (const record of all) stepper.noticed(record);
    },
  });

  function emit(record: FilterRecord, event: FilterEvent): void {
    const level = event.type === "Warning" ? "warn" : "info";
    log[level](event.message, { filter: record.id, event: event.reason });
    void source.event(record.key, record.uid, event);
    for (const listener of listeners) listener(record, event);
  }

  /** After a start, nothing moves forward until the proxies that the last status counted are back, or had their time to be. */
  function settled(record: FilterRecord, view: FleetView): boolean {
    startedAt = Math.min(startedAt, clock.now()); // a clock that was set back
    if (missing(record, view) > 0) return false;
    record.watchedSince = Math.min(record.watchedSince ?? clock.now(), clock.now());
    return true;
  }

  /** How many proxies that the last status counted are not back yet and may still be on their way. */
  function missing(record: FilterRecord, { counts }: FleetView): number {
    return clock.now() < startedAt + settleMs ? Math.max(0, record.expected - counts.matched) : 0;
  }

  function assign(ids: Iterable<string>): void {
    if (!serving) return;
    for (const id of ids) {
      const concerned: FilterRecord[] = [];
      for (const filter of index.filtersOf(id)) {
        const record = records.get(filter);
        if (record !== undefined) concerned.push(record);
      }
      fleet.assign(id, shared.of(slotsOf(id, concerned, watch.withheld(id))));
    }
  }

  /** Modules and manifests that must stay in the store: all that a kept revision may go back to. */
  function retain(): void {
    const digests = new Set<Digest>();
    for (const record of records.values()) {
      for (const { digest, wasmDigest } of record.revisions) digests.add(digest).add(wasmDigest);
    }
    options.registry.retain(digests);
  }

  function passed(record: FilterRecord): void {
    if (record.passed) return;
    record.passed = true;
    onPass();
  }

  async function adopt(id: string): Promise<void> {
    const object = source.filters().get(id);
    const known = records.get(id);
    if (object === undefined) return known === undefined ? undefined : drop(known);
    const fresh = known === undefined || known.uid !== (object.metadata.uid ?? id);
    if (known !== undefined && fresh) drop(known);
    const record = fresh ? createRecord(object) : known;
    if (fresh) records.set(id, record);
    const before = record.object.metadata;
    record.object = object;
    const sameSpec = !fresh && before.generation === object.metadata.generation;
    if (!sameSpec) parse(record);
    if (fresh) await load(record);
    const due = record.loaded && !sameSpec && record.filter !== undefined && record.resolution.state === "pending";
    if (due) request(record);
    await stepper.step(record);
  }

  function parse(record: FilterRecord): void {
    const parsed = parseFilter(record.object);
    record.candidate = undefined;
    if (!parsed.ok) {
      resolver.cancel(record.id);
      failed(record, { ok: false, stage: "Accepted", error: parsed.error }, false);
      if (record.filter === undefined) index.setFilter({ key: record.key, selector: salvageSelector(record.object) });
      return;
    }
    record.filter = parsed.value;
    record.resolution = { state: "pending" };
    assign(index.setFilter(parsed.value));
  }

  function request(record: FilterRecord): void {
    if (record.filter?.suspend) {
      resolver.cancel(record.id);
      passed(record);
    } else resolver.request(record);
  }

  /** Reads back what an earlier run knew. Waits as long as the source needs: without it the stable revision would be forgotten. */
  async function load(record: FilterRecord): Promise<void> {
    const kept = await source.revisions(record.key, record.uid);
    if (!kept.ok) {
      log.warn("the revisions could not be read; tried again", { filter: record.id, message: kept.error.message });
      await new Promise<void>((resolve) => clock.after(1_000, resolve));
      if (records.get(record.id) === record) await load(record);
      return;
    }
    record.revisions = kept.value;
    record.rollout = rolloutFrom(record.object.status, kept.value);
    refusalsFrom(record);
    record.loaded = true;
    const { target, stable, phase } = record.rollout;
    const stableReady = await ensureEntry(record, stable, options);
    if (phase === "Progressing") await ensureEntry(record, target, options);
    retain();
    if (stableReady || record.filter === undefined) passed(record);
  }

  function drop(record: FilterRecord): void {
    records.delete(record.id);
    resolver.cancel(record.id);
    stepper.forget(record.id);
    statuses.forget(record);
    healthWatch.forget(record);
    const concerned = index.removeFilter(record.id);
    assign(concerned);
    retain();
    passed(record);
  }

  function failed(record: FilterRecord, resolution: Extract<Resolution, { ok: false }>, heldOver: boolean): void {
    const { stage, error } = resolution;
    const before = record.resolution;
    record.resolution = { state: "failed", stage, error, heldOver };
    const repeated = before.state === "failed" && before.error.message === error.message;
    if (!repeated) emit(record, { type: "Warning", reason: error.reason, message: error.message });
    statuses.touch(record);
  }

  /** Returns false when the answer could not be made use of and is wanted again. */
  async function resolved(record: FilterRecord, resolution: Resolution): Promise<boolean> {
    if (records.get(record.id) !== record) return true;
    const { resolution: before } = record;
    const heldOver = record.candidate !== undefined && (before.state === "done" || (before.state === "failed" && before.heldOver));
    if (!resolution.ok) {
      failed(record, resolution, heldOver);
      passed(record);
      return true;
    }
    const { content, measurements } = resolution.value;
    const { revision, isNew } = findOrMake(record.key, record.revisions, content, clock.now());
    if (isNew) {
      record.revisions = [...record.revisions, revision];
      if (!(await keepRevision(record, revision.number, source))) {
        record.revisions = record.revisions.filter((kept) => kept !== revision);
        const error = { reason: "RevisionNotKept", message: "the new revision could not be recorded", retryable: true };
        failed(record, { ok: false, stage: "Resolved", error }, heldOver);
        return false;
      }
      const detail = measurements === undefined ? "" : `, proved in ${(measurements.compileMs + measurements.startMs).toFixed(0)} ms`;
      emit(record, {
        type: "Normal",
        reason: "Validated",
        message: `revision ${revision.number}: ${content.image} is ${content.digest}${detail}`,
      });
    }
    if (measurements !== undefined || record.candidate?.number !== revision.number) record.measurements = measurements;
    record.candidate = revision;
    record.resolution = { state: "done" };
    retain();
    await ensureEntry(record, revision.number, options);
    if (record.rollout.stable !== revision.number) await ensureEntry(record, record.rollout.stable, options);
    await stepper.step(record);
    passed(record);
    assign(proxiesOf(record.id));
    return true;
  }

  function sourceChanged(change: SourceChange): void {
    for (const id of change.filters) void adopt(id);
    if (change.references.size === 0) return;
    for (const record of records.values()) if (refersTo(record, change.references)) request(record);
  }

  async function firstPasses(): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = clock.after(startupMs, resolve);
      onPass = () => {
        if ([...records.values()].some((record) => !record.passed)) return;
        cancel();
        resolve();
      };
      onPass();
    });
    onPass = () => {};
  }

  return {
    async start() {
      await source.start();
      startedAt = clock.now();
      unsubscribe.push(source.onChange(sourceChanged), fleet.onChange(watch.changed));
      for (const id of source.filters().keys()) void adopt(id);
      await firstPasses();
      serving = true;
      unsubscribe.push(clock.after(settleMs, () => void [...records.values()].map(stepper.step)));
      watch.changed([...fleet.proxies()].map(({ id }) => id));
    },
    async stop() {
      serving = false;
      for (const stop of unsubscribe) stop();
      watch.stop();
      resolver.stop();
      for (const id of records.keys()) stepper.forget(id);
      await statuses.stop();
      await source.stop();
    },
    ready: () => serving,
    records: () => records.values(),
    filters: () => [...records.values()].map((record) => ({ ...record.object, status: statuses.current(record) })),
    onEvent(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** The selector of an object that does not parse as a whole: after a restart its stable revision must go to its proxies and no others. */
function salvageSelector(object: WasmFilter): LabelSelector {
  const probe = parseFilter({ ...object, spec: { image: "probe.invalid/probe:1", selector: object.spec?.selector } });
  return probe.ok ? probe.value.selector : { matchLabels: {}, matchExpressions: [] };
}
