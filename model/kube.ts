import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import type { Failure, Result } from "./result.ts";

/** A JSON object of the Kubernetes API, before it is looked at. */
export type Fields = Readonly<Record<string, unknown>>;

/** The API server refused, or was not reached (`status` 0). */
export interface ApiFailure extends Failure {
  /** HTTP status. */
  readonly status: number;
}

export interface ApiRequest {
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  /** Default `application/json`. */
  readonly accept?: string;
  /** Bytes of the answer; a larger one is a failure with reason `AnswerTooLarge`. Default 64 MiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: Fields;
}

/** The Kubernetes REST API as far as Weir needs it, with the credentials of a kubeconfig. Never throws for what the server or network does. */
export interface KubeApi {
  /** `https://host:port` */
  readonly server: string;
  /** One request, answered within a time. */
  request(request: ApiRequest): Promise<Result<Fields, ApiFailure>>;
  /**
   * Calls `onEvent` for each event until the server ends the stream (it does so every few minutes), the stream breaks, or nothing comes for
   * long although bookmarks are due. The failure says which. Status 410: the resource version is too old, list again.
   */
  watch(request: ApiRequest, onEvent: (event: WatchEvent) => void): Promise<Result<void, ApiFailure>>;
}

export interface KubeObject extends Fields {
  readonly metadata: Fields & {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
}

/** As an Event names what it is about. */
export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Without it `kubectl describe` does not find the Event. */
  readonly uid: string | undefined;
}

export interface EventWords {
  readonly type: "Normal" | "Warning";
  /** CamelCase. */
  readonly reason: string;
  /** At most `MAX_EVENT_MESSAGE` long. */
  readonly message: string;
}

/** Limit of `note` in events.k8s.io/v1, the same objects' other form. */
export const MAX_EVENT_MESSAGE = 1_024;

/** An Event that was said once. `suffix`: what sets its name apart. `time`: see `timestamp`. */
export function newEvent(
  subject: EventSubject,
  { type, reason, message }: EventWords,
  { suffix, time }: { readonly suffix: string; readonly time: string },
) {
  const { namespace, name } = subject;
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `${name.slice(0, 200).replace(/[-.]+$/, "")}.${suffix}`, namespace },
    involvedObject: subject,
    ...{ type, reason, message },
    ...{ count: 1, firstTimestamp: time, lastTimestamp: time },
    ...{ source: { component: "weir" }, reportingComponent: "weir.dev/operator" },
  };
}

/** Of `metav1.Time`, which takes no fractions of a second. `ms`: since the epoch. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** What to accept for the metadata of an object, or of the objects of a list, alone. https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables */
export function metadataAs(kind: "PartialObjectMetadata" | "PartialObjectMetadataList"): string {
  return `application/json;as=${kind};g=meta.k8s.io;v=v1`;
}

export interface ReflectorOptions {
  readonly api: KubeApi;
  /** Path of the collection, e.g. `/api/v1/namespaces/shop/secrets`. */
  readonly path: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** The metadata of objects is enough. https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-partialobjectmetadata */
  readonly metadataOnly?: boolean;
  /** What is kept of an object while a collection is listed. Default: all of it. */
  readonly keep?: (object: KubeObject) => KubeObject;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  /** All objects, as listed. Called again after every gap. */
  readonly onList: (objects: readonly KubeObject[]) => void;
  readonly onEvent: (type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject) => void;
  /** The collection cannot be listed or watched now. `undefined`: it can again. */
  readonly onTrouble: (failure: ApiFailure | undefined) => void;
}

/** Follows a collection of the API server until stopped: lists, watches, and after a failure backs off and lists again. */
export interface Reflector {
  /** Resolves after the first list, or on `stop`. */
  readonly listed: Promise<void>;
  stop(): Promise<void>;
}

/** Starts a reflector. */
export type Follow = (options: ReflectorOptions) => Reflector;

/** The cluster that Weir works for. */
export interface ClusterAccess {
  readonly api: KubeApi;
  readonly follow: Follow;
}
