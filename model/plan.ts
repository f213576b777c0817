import type { ConditionType } from "./condition.ts";
import type { Digest } from "./digest.ts";
import type { FilterKey } from "./filter.ts";
import type { Result } from "./result.ts";
import type { RevisionChange } from "./revision-changes.ts";
import type { Measurements, ProofProblem } from "./verdict.ts";
import type { SignedBy } from "./verify.ts";

/** What applying a WasmFilter would do: it would be created, would change something, or nothing, or would be refused and lead to no revision. */
export type PlannedAction = "created" | "changed" | "unchanged" | "refused";

/** Why a spec would lead to no revision, in the words that the status would show. */
export interface PlannedRefusal {
  /** The condition that would be False. */
  readonly condition: ConditionType;
  readonly reason: string;
  readonly message: string;
  /** It would be tried again without anybody changing anything. */
  readonly retryable: boolean;
  /** Set where an apply would be taken, as what is missing may come: what happens until then, for people. */
  readonly waits?: string;
}

/** A field of the object that differs: `spec.selector.matchLabels.app`. Values are JSON, cut where they are long; absent: not set. */
export interface ObjectChange {
  readonly field: string;
  readonly before?: string;
  readonly after?: string;
}

export interface PlannedRevision {
  readonly number: number;
  readonly image: string;
  readonly digest: Digest;
  readonly wasmDigest: Digest;
}

/** What preflight says of the module with these settings. */
export interface PlannedProof {
  /** `passed`: proved now. `kept`: a revision that is kept has this content; it was proved when that was made. */
  readonly result: "passed" | "kept";
  /** Present when it was proved now. `loadMs` is the load that it puts on each proxy, in milliseconds of CPU. */
  readonly measurements?: Measurements;
  /** What fails requests, and is let through as spec.preflight.traffic is Report. */
  readonly told?: ProofProblem;
}

export interface PlannedProxy {
  readonly namespace: string;
  readonly id: string;
}

export interface PlannedProxies {
  readonly proxies: number;
  /** The first of them, at most 100, by namespace and id. */
  readonly first: readonly PlannedProxy[];
}

/** The proxies that a step of the rollout adds to those before it. */
export interface PlannedWave extends PlannedProxies {
  /** Counted from 1, as `status.rollout.step` is. */
  readonly step: number;
  readonly percent: number;
  /** Milliseconds that the wave must stay well before the next. */
  readonly holdMs: number;
  /** It waits for `weir rollout promote`. */
  readonly pause: boolean;
  /** Of a dark step: the requests that see the new revision, for people. */
  readonly only?: string;
}

export interface PlannedReturn extends PlannedProxies {
  /** Number of the stable revision; absent where there is none, and the filter leaves their chains. */
  readonly revision?: number;
}

/** How the revision would go out to the proxies that are connected now. */
export interface PlannedRollout {
  /** Selected proxies with the filter's slot. */
  readonly matched: number;
  readonly steps: number;
  /** From the first wave on; empty when nothing would go out. */
  readonly waves: readonly PlannedWave[];
  /** Proxies that leave a rollout under way for its stable revision, at once. Absent: there are none. */
  readonly back?: PlannedReturn;
  /** Why nothing would go out now, or not on: `spec.suspend is true`. */
  readonly waitsFor?: string;
}

export interface FilterPlan {
  readonly namespace: string;
  readonly name: string;
  readonly action: PlannedAction;
  readonly refusal?: PlannedRefusal;
  /** What differs in labels, annotations and spec, their defaults filled in; the first 200. Empty for one that would be created. */
  readonly object: readonly ObjectChange[];
  /** What its proxies are meant to run now. */
  readonly before?: PlannedRevision;
  /** What they would be meant to run. Its number is the next one where no kept revision has this content. */
  readonly after?: PlannedRevision;
  /** What differs between the two. A value that the object itself does not hold (it is in a Secret or a ConfigMap) is never shown. */
  readonly revision: readonly RevisionChange[];
  readonly proof?: PlannedProof;
  /** Who signed the image, of what spec.verify and policies demand. Absent: nothing is demanded. */
  readonly signatures?: readonly SignedBy[];
  /** What it would do against policies that are only audited. Absent: nothing. */
  readonly audited?: readonly string[];
  readonly rollout?: PlannedRollout;
}

/** The answer of POST /api/v1/plan. Fields may be added; none goes, or changes what it means. */
export interface Plan {
  /** In the order of the request. */
  readonly filters: readonly FilterPlan[];
}

/** What a plan may change the outcome by: a filter, or what rules it. `namespace` is empty for what is in none. */
export interface PlannedObjectId extends FilterKey {
  readonly kind: "WasmFilter" | "WasmPolicy" | "Namespace";
}

/** Who asks for a plan, and what it may apply. */
export interface Applicant {
  /** Tells one from another, in bounds. */
  readonly id: string;
  /** Fails with `Forbidden` where this object may not be created, or changed (`exists`), by who asks; with a failure that is `retryable` where nobody could be asked. */
  mayApply(object: PlannedObjectId, exists: boolean): Promise<Result<void>>;
}

/** Says who may ask for plans. */
export interface Applicants {
  /** `authorization`: the header; `address`: of the client. Fails with `Unauthorized` or `Forbidden`, worded for the answer. */
  find(authorization: string | undefined, address: string): Promise<Result<Applicant>>;
}

export interface PlanRequest {
  /** WasmFilters as they would be after they were applied, and what would be applied with them: Secrets and ConfigMaps that they refer to, WasmPolicies, Namespaces. Raw. */
  readonly objects: readonly unknown[];
  readonly applicant: Applicant;
  /** Nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/**
 * Computes what applying objects would do, by what the operator itself does, and changes nothing. Fails with `BadRequest` for a request that is none,
 * `Forbidden`, and `Busy` (retryable).
 */
export interface Planner {
  plan(request: PlanRequest): Promise<Result<Plan>>;
}

/** Objects of one request. */
export const MAX_PLANNED = 200;
