import { randomUUID } from "node:crypto";
import { inBackground } from "../base/boundary.ts";
import { clip } from "../base/text.ts";
import type { Clock } from "../model/clock.ts";
import { type EventSubject, type KubeApi, MAX_EVENT_MESSAGE, newEvent, timestamp } from "../model/kube.ts";
import type { Log } from "../model/log.ts";

export interface ObjectEvent {
  /** CamelCase. */
  readonly reason: string;
  readonly message: string;
}

export interface EventDeps {
  readonly api: KubeApi;
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
}

const ANSWER_MS = 5_000;

/** Writes a Kubernetes Event about an object of Weir's own namespace. Nobody waits for it. Best effort: a failure is logged. */
export function tellEvent(deps: EventDeps, subject: EventSubject, event: ObjectEvent): void {
  inBackground(write(deps, subject, event), (error) => deps.log.error("an Event could not be written", { error: String(error) }));
}

async function write({ api, clock, log }: EventDeps, subject: EventSubject, { reason, message }: ObjectEvent): Promise<void> {
  const words = { type: "Normal", reason, message: clip(message, MAX_EVENT_MESSAGE) } as const;
  const { kind, namespace, name } = subject;
  const written = await api.request({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/events`,
    body: newEvent(subject, words, { suffix: randomUUID(), time: timestamp(clock.now()) }),
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  if (!written.ok)
    log.warn("an Event could not be written", { object: `${kind} ${namespace}/${name}`, event: reason, message: written.error.message });
}
