import type { FilterKey } from "../../model/filter.ts";
import type { WasmFilter, WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import type { WasmPolicyStatus } from "../../model/gen/wasmpolicy.ts";
import type { Result } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import type { Versioned } from "./data.ts";
import type { Policies } from "./policies.ts";

/** Something a person should see in `kubectl describe`: a Kubernetes Event. The operator also logs it. */
export interface FilterEvent {
  readonly type: "Normal" | "Warning";
  /** CamelCase, e.g. `RolledBack`. */
  readonly reason: string;
  readonly message: string;
}

/** What changed since the last call of the listener. Coalesced: a listener reads the current state, never a history. */
export interface SourceChange {
  /** Ids (`namespace/name`) of WasmFilters that were created, changed or removed. */
  readonly filters: ReadonlySet<string>;
  /** `secret/namespace/name` and `configmap/namespace/name` that changed, and `repository/PATH` of which a registry says that a tag moved. */
  readonly references: ReadonlySet<string>;
  /** Of `filters`: those whose status somebody else wrote. Absent: none. */
  readonly overwritten?: ReadonlySet<string>;
  /** There is another snapshot of policies. */
  readonly policies?: boolean;
}

export interface Reading {
  /** Nobody needs it again: one that is not watched yet is read and not watched. */
  readonly once?: boolean;
}

/**
 * Where the desired state is: a Kubernetes API server or a folder of manifests. The operator reads specs and writes statuses, revisions and
 * events through this port. What it returns is raw and may be wrong in any way; the caller parses it.
 */
export interface Source {
  /** For log lines and error messages: `cluster https://…` or `folder ./filters`. */
  readonly description: string;
  /** Resolves when everything has been listed once. Keeps watching (with backoff) until `stop`. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** False while changes cannot be heard of: what is known stays as it is. */
  isFollowed(): boolean;
  /** Every WasmFilter as of now, by id. Objects may violate their schema; the type is for convenience. */
  filters(): ReadonlyMap<string, WasmFilter>;
  /** What wrote the spec of the WasmFilter with this id last; `undefined`: nobody says. Absent: the source knows nobody. */
  managerOf?(id: string): string | undefined;
  /** The WasmPolicies as of now. */
  policies(): Policies;
  /** Data of a Secret (decoded) or of a ConfigMap; fails with reason `SecretNotFound` / `ConfigMapNotFound`. After the first read it is watched. */
  secret(namespace: string, name: string, reading?: Reading): Promise<Result<Versioned>>;
  configMap(namespace: string, name: string, reading?: Reading): Promise<Result<Versioned>>;
  /** The stored revisions of this object (by uid), by rising number. */
  revisions(key: FilterKey, uid: string): Promise<Result<readonly Revision[]>>;
  /** Stores a revision, without a text that came from a Secret. Storing one that exists is not an error. */
  saveRevision(key: FilterKey, uid: string, revision: Revision): Promise<Result<void>>;
  /** Stores a known revision anew: its hash is another, or it has more verdicts; its content is the same. A crash in between leaves the old record or the new one. */
  rewriteRevision(key: FilterKey, uid: string, revision: Revision): Promise<Result<void>>;
  deleteRevision(key: FilterKey, uid: string, number: number): Promise<Result<void>>;
  /**
   * Writes the status if it differs. After a conflict, retries on the newest object if its uid and generation are still the same. Where other servers may write too: only while
   * this one leads, and never over a status of theirs that the listener was not told of.
   */
  writeStatus(key: FilterKey, uid: string, status: WasmFilterStatus): Promise<Result<void>>;
  /** Writes the status of a WasmPolicy, where there is a place for it. */
  writePolicyStatus(name: string, status: WasmPolicyStatus): Promise<Result<void>>;
  event(key: FilterKey, uid: string, event: FilterEvent): Promise<void>;
  onChange(listener: (change: SourceChange) => void): () => void;
  /** Has the listener told that this reference changed, which somebody else says: `repository/PATH`. */
  announce(id: string): void;
}
