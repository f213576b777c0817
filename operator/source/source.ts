import type { FilterKey } from "../../model/filter.ts";
import type { WasmFilter, WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import type { Result } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";

/** Something a person should see in `kubectl describe`: a Kubernetes Event. The operator logs each one besides. */
export interface FilterEvent {
  readonly type: "Normal" | "Warning";
  /** CamelCase, e.g. `RolledBack`. */
  readonly reason: string;
  readonly message: string;
}

/** What changed since the last call of the listener. Coalesced: a listener reads the current state, never a history. */
export interface SourceChange {
  /** Ids (`namespace/name`) of WasmFilters that were made, changed or removed. */
  readonly filters: ReadonlySet<string>;
  /** `secret/namespace/name` and `configmap/namespace/name` that changed. */
  readonly references: ReadonlySet<string>;
}

/**
 * Where the desired state lives: a Kubernetes API server or a folder of manifests. All I/O of the operator towards the people
 * who run it goes through here; everything it hands out is raw and may be wrong in any way: parsing is the caller's.
 */
export interface Source {
  /** For log lines and error messages: `cluster https://…` or `folder ./filters`. */
  readonly description: string;
  /** Resolves when everything has been listed once. Keeps watching (with backoff) until `stop`. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Every WasmFilter as it stands now, by id. The objects may break their schema: they are typed for convenience only. */
  filters(): ReadonlyMap<string, WasmFilter>;
  /** Data of a Secret (decoded) or of a ConfigMap; fails with reason `SecretNotFound` / `ConfigMapNotFound`. What was read is watched from then on. */
  secret(namespace: string, name: string): Promise<Result<ReadonlyMap<string, Buffer>>>;
  configMap(namespace: string, name: string): Promise<Result<ReadonlyMap<string, Buffer>>>;
  /** The revisions kept for this object (by uid), in rising order. */
  revisions(key: FilterKey, uid: string): Promise<Result<readonly Revision[]>>;
  /** Keeps one more revision, without a text that came from a Secret. Writing one that exists already is no error. */
  saveRevision(key: FilterKey, uid: string, revision: Revision): Promise<Result<void>>;
  deleteRevision(key: FilterKey, uid: string, number: number): Promise<Result<void>>;
  /** Writes the status if it differs from what is there; retries a conflict on the newest object while its uid and generation still hold. */
  writeStatus(key: FilterKey, uid: string, status: WasmFilterStatus): Promise<Result<void>>;
  event(key: FilterKey, uid: string, event: FilterEvent): Promise<void>;
  onChange(listener: (change: SourceChange) => void): () => void;
}
