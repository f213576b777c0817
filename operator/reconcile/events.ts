import { bounded, inBackground } from "../../base/boundary.ts";
import type { Log } from "../../model/log.ts";
import type { Peers } from "../../model/replicas.ts";
import type { Failure } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import { rolloutId } from "../../model/rollout-id.ts";
import type { ProofProblem } from "../../model/verdict.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { FilterEvent, Source } from "../source/source.ts";

export type EventListener = (record: FilterRecord, event: FilterEvent) => void;

/** What people are told of filters: as Kubernetes Events, in the log, and to whoever listens. */
export interface Events {
  /** `revision`: the one that the event is about. Without it the line names the filter alone. */
  emit(record: FilterRecord, event: FilterEvent, revision?: Revision): void;
  /** A failure of the present spec, unless it was told before. */
  failed(record: FilterRecord, before: FilterRecord["resolution"], error: Failure): void;
  /** What the proof of the present spec's module found and let through, unless that is what the record has. */
  letThrough(record: FilterRecord, told: ProofProblem | undefined): void;
  /** Another replica told this: those who listen here hear of it, and nothing else is told again. */
  hear(record: FilterRecord, event: FilterEvent): void;
  listen(listener: EventListener): () => void;
}

/** `peers`: the other replicas, whose listeners are to hear of it too. */
export function createEvents(source: Pick<Source, "event">, log: Log, peers?: Pick<Peers, "tell">): Events {
  const listeners = new Set<EventListener>();

  const failedToTell = (record: FilterRecord, event: FilterEvent) => (error: unknown) =>
    log.error("an event could not be told", { filter: record.id, event: event.reason, error: String(error) });

  function hear(record: FilterRecord, event: FilterEvent): void {
    for (const listener of listeners) bounded(() => listener(record, event), failedToTell(record, event));
  }

  function emit(record: FilterRecord, event: FilterEvent, revision?: Revision): void {
    const level = event.type === "Warning" ? "warn" : "info";
    const about = revision && { rollout: rolloutId({ filter: record.key, revision: revision.number, hash: revision.hash }) };
    log[level](event.message, { filter: record.id, event: event.reason, ...about });
    inBackground(source.event(record.key, record.uid, event), failedToTell(record, event));
    peers?.tell({ filter: record.id, ...event });
    hear(record, event);
  }

  return {
    emit,
    hear,
    failed(record, before, { reason, message }) {
      const isKnown = before.state === "failed" && before.error.message === message;
      if (!isKnown) emit(record, { type: "Warning", reason, message });
    },
    letThrough(record, told) {
      if (told === undefined || told.message === record.measurements?.told?.message) return;
      emit(record, { type: "Warning", reason: told.reason, message: `let through, as spec.preflight.traffic is Report: ${told.message}` });
    },
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
