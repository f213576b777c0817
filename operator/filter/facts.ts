import type { Filter } from "../../model/filter.ts";
import type { WasmFilter, WasmFilterStatus } from "../../model/gen/wasmfilter.ts";
import type { Failure } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import type { Measurements } from "../../model/verdict.ts";
import type { Verdict } from "../../model/verify.ts";
import type { WaveCount } from "../../model/wave-count.ts";
import type { Judgement } from "../policy/permits.ts";
import { idle, type RolloutState } from "../rollout/state.ts";
import type { FilterEvent } from "../source/source.ts";
import { MISSING } from "./demand.ts";
import { type LastLook, lastLookFrom } from "./look.ts";
import type { KnownRejection } from "./rejection.ts";
import type { RevisionContent } from "./revisions.ts";
import type { Stage } from "./steps.ts";

/** How far the present spec got on its way to a recorded revision. */
export type Resolution =
  | { readonly state: "pending" }
  | { readonly state: "done" }
  | {
      readonly state: "failed";
      readonly stage: Stage;
      readonly error: Failure;
      /** True when the same spec was resolved before: a registry that is down now changes nothing for it. */
      readonly heldOver: boolean;
      /** Since when the present spec has been failing, in milliseconds since the epoch. */
      readonly since: number;
    };

/** How long a failure that may mend by itself counts as work under way. Afterwards someone should look at it. */
export const PATIENCE_MS = 60_000;
/** Stages that read what others may bring later: a Secret, an image, a permission. */
const MAY_COME: ReadonlySet<Stage> = new Set(["configure", "resolve", "verify"]);

/** From when on a failure counts as lasting, in milliseconds since the epoch. What only another spec or module can mend lasts from the start. */
export function lastingFrom({ stage, error, since }: Extract<Resolution, { state: "failed" }>): number {
  return error.retryable || MAY_COME.has(stage) ? since + PATIENCE_MS : since;
}

/** A rollout state that is decided and not in force yet: it is written to the status first. */
export interface Proposal {
  readonly state: RolloutState;
  readonly events: readonly FilterEvent[];
  /** A step forward waits until it is written, however long that takes. */
  readonly isForward: boolean;
  /** Milliseconds since the epoch. */
  readonly madeAt: number;
  /** The source holds a status with it. */
  readonly isWritten: boolean;
}

export interface Trouble {
  readonly what: string;
  readonly message: string;
}

/** What resolving the present spec brought to light. */
export interface Found extends Pick<Facts, "measurements" | "verdicts"> {
  readonly content: RevisionContent;
  /** Of signatures that policies demand which are only audited. */
  readonly audited: readonly Verdict[];
}

/** What is known of one WasmFilter object and changes. */
export interface Facts {
  /** The object as the source showed it last. */
  object: WasmFilter;
  /** The last spec that parsed: it stays in force while a newer one does not. */
  filter: Filter | undefined;
  /** False while no spec says which proxies it is for: none parsed, and the present one's selector cannot be read. */
  isAimed: boolean;
  /** False for a filter whose specs said `suspend` from the first on: nothing of it is in force. */
  isAwaited: boolean;
  /** False until the object's present spec went through `parse`. */
  parsed: boolean;
  resolution: Resolution;
  /** When resolving is due next, in milliseconds since the epoch; `undefined`: nothing to look for. */
  resolveAt: number | undefined;
  /** When that was decided. A clock that shows less was set back since. */
  resolveSetAt: number;
  lastLook: LastLook;
  /** The value of `weir.dev/refresh` whose look is due; `undefined`: nobody asks. */
  ask: string | undefined;
  /** Work on the filter that threw when it was tried last, which only a bug does. */
  trouble: Trouble | undefined;
  measurements: Measurements | undefined;
  /** What policies said of the present spec, and of what it led to, when it was resolved last; `undefined`: not judged yet. */
  judgement: Judgement | undefined;
  /** Of the signatures that the present spec demands. */
  verdicts: readonly Verdict[];
  /** The revision that the present spec asks for; `undefined` while that is not known. */
  candidate: Revision | undefined;
  /** A new revision that is not in the source's history yet. It is no candidate before. */
  unrecorded: { readonly revision: Revision; readonly measurements: Measurements | undefined } | undefined;
  /** Kept revisions, in rising order. */
  revisions: readonly Revision[];
  /** Those of them whose record the source is to rewrite: it has their hash in an old form. */
  rewritten: readonly Revision[];
  rollout: RolloutState;
  proposal: Proposal | undefined;
  /** True once revisions and rollout of earlier runs were read back. */
  recalled: boolean;
  /** True once proxies may be answered: the filter was resolved or refused, or its stable revision can be served. */
  passed: boolean;
  /** Node id -> what it rejected. Another map where everything in it was forgotten. */
  rejections: ReadonlyMap<string, KnownRejection>;
  /** When a held wave may end, in milliseconds since the epoch, for the status to say. */
  nextStepAt: number | undefined;
  /** What the rollout that is under way is judged by; `undefined`: nothing is counted. */
  waveCount: WaveCount | undefined;
  /** Since when this operator watches the filter's proxies (milliseconds since the epoch). Nobody saw what happened before. */
  watchedSince: number | undefined;
  /** The status as it was written last. */
  status: WasmFilterStatus | undefined;
}

/** What is known of an object that was just seen. */
export function initialFacts(object: WasmFilter): Facts {
  return {
    object,
    filter: undefined,
    isAimed: true,
    isAwaited: object.status?.conditions?.some(({ reason }) => reason === MISSING) === true,
    parsed: false,
    resolution: { state: "pending" },
    resolveAt: undefined,
    resolveSetAt: 0,
    lastLook: lastLookFrom(object.status),
    ask: undefined,
    trouble: undefined,
    measurements: undefined,
    judgement: undefined,
    verdicts: [],
    candidate: undefined,
    unrecorded: undefined,
    revisions: [],
    rewritten: [],
    rollout: idle,
    proposal: undefined,
    recalled: false,
    passed: false,
    rejections: new Map(),
    nextStepAt: undefined,
    waveCount: undefined,
    watchedSince: undefined,
    status: object.status,
  };
}
