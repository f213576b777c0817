import type { Log } from "../../model/log.ts";
import type { Failure } from "../../model/result.ts";
import { rolloutId } from "../../model/rollout-id.ts";
import { type FilterRecord, revisionOf } from "../filter/record.ts";
import type { FilterEvent, Source } from "../source/source.ts";

export type EventListener = (record: FilterRecord, event: FilterEvent) => void;

/** What people are told of filters: as Kubernetes Events, in the log, and to whoever listens. */
export interface Events {
  emit(record: FilterRecord, event: FilterEvent): void;
  /** A failure of the present spec, unless it was told before. */
  failed(record: FilterRecord, before: FilterRecord["resolution"], error: Failure): void;
  listen(listener: EventListener): () => void;
}

export function createEvents(source: Pick<Source, "event">, log: Log): Events {
  const listeners = new Set<EventListener>();

  function emit(record: FilterRecord, event: FilterEvent): void {
    const level = event.type === "Warning" ? "warn" : "info";
    const target = revisionOf(record, record.rollout.target);
    const about = target && { rollout: rolloutId({ filter: record.key, revision: target.number, hash: target.hash }) };
    log[level](event.message, { filter: record.id, event: event.reason, ...about });
    void source.event(record.key, record.uid, event);
    for (const listener of listeners) listener(record, event);
  }

  return {
    emit,
    failed(record, before, { reason, message }) {
      const isKnown = before.state === "failed" && before.error.message === message;
      if (!isKnown) emit(record, { type: "Warning", reason, message });
    },
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
