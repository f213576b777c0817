import { randomUUID } from "node:crypto";
import { clip } from "../base/text.ts";
import type { Clock } from "../model/clock.ts";
import type { KubeApi } from "../model/kube.ts";
import type { Log } from "../model/log.ts";

/** An object of Weir's own namespace, as an Event names what it is about. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Without it `kubectl describe` does not find the Event. */
  readonly uid: string | undefined;
}

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

/** Limit of `note` in events.k8s.io/v1, the same objects' other form. */
const MAX_MESSAGE = 1_024;
const ANSWER_MS = 5_000;

/** Writes a Kubernetes Event about the object. Best effort: a failure is logged. */
export async function tellEvent({ api, clock, log }: EventDeps, subject: EventSubject, { reason, message }: ObjectEvent): Promise<void> {
  const time = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, "Z");
  const { namespace, name } = subject;
  const written = await api.request({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/events`,
    body: {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `${name.slice(0, 200).replace(/[-.]+$/, "")}.${randomUUID()}`, namespace },
      involvedObject: subject,
      ...{ type: "Normal", reason, message: clip(message, MAX_MESSAGE) },
      ...{ count: 1, firstTimestamp: time, lastTimestamp: time },
      ...{ source: { component: "weir" }, reportingComponent: "weir.dev/operator" },
    },
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  if (!written.ok)
    log.warn("an Event could not be written", {
      object: `${subject.kind} ${namespace}/${name}`,
      event: reason,
      message: written.error.message,
    });
}
