import { clip, count } from "../../base/text.ts";
import type { Condition, ConditionType } from "../../model/condition.ts";
import { shortDigest } from "../../model/digest.ts";
import { isTakenBack, type Revision } from "../../model/revision.ts";
import type { Measurements } from "../../model/verdict.ts";
import { MISSING } from "../filter/demand.ts";
import { lastingFrom, type Resolution, type Trouble } from "../filter/facts.ts";
import { CONDITIONS, conditionOf, orderOf, STAGE_CONDITIONS, STEPS } from "../filter/steps.ts";
import type { Counts } from "../fleet/counts.ts";
import { AUDITED, audited } from "../policy/events.ts";
import { describeViolations } from "../policy/judge.ts";
import type { Judgement } from "../policy/permits.ts";
import { isInForce, type RolloutState } from "../rollout/state.ts";
import { isDoubtful, isFirst } from "../rollout/watch.ts";
import { measuredAs, verifiedBy } from "./passed.ts";

/** Everything the conditions are decided from. */
export interface Facts {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly generation: number;
  readonly resolution: Resolution;
  /** What policies said; `undefined`: none is for the filter, or it was not judged. */
  readonly judgement: Judgement | undefined;
  readonly verifies: boolean;
  /** Who made those that hold. */
  readonly signers: readonly string[];
  readonly suspended: boolean;
  readonly measurements: Measurements | undefined;
  readonly rollout: RolloutState;
  readonly target: Revision | undefined;
  /** What proxies are on: stable, or the target when every proxy runs it. */
  readonly served: Revision | undefined;
  readonly counts: Counts;
  /** False right after a start, while it is not known who of its proxies is on the way. */
  readonly isHeard: boolean;
  /** Ids of the proxies that hang. */
  readonly hung: readonly string[];
  /** Proxies that have a placeholder in its place. */
  readonly standIns: number;
  /** True where proxies that are due it let nothing pass without it. */
  readonly isDemanded: boolean;
  readonly paused: boolean;
  readonly deadlineExceeded: boolean;
  readonly trouble: Trouble | undefined;
}

/** Characters of a failure's message. Every problem of a spec fits; what a stranger wrote into a name must not make the status too large to be written. */
const LONGEST_MESSAGE = 8_192;

const WATCHING = "Watching";

/** Characters of a problem that was let through: what the module is stands after it. */
const LONGEST_TOLD = 1_024;

interface Verdict {
  readonly status: Condition["status"];
  readonly reason: string;
  readonly message: string;
  /** True: it stays so until someone does something. */
  readonly lasts?: boolean;
}

/** What is decided so far. */
type Verdicts = ReadonlyMap<ConditionType, Verdict>;

/** True when the spec got past the step that decides `type`, false when it stopped there, undefined when it did not get there. */
function passed({ resolution }: Facts, type: ConditionType): boolean | undefined {
  if (resolution.state === "done") return true;
  if (resolution.state === "pending") return undefined;
  if (conditionOf(resolution.stage) === type) return false;
  const first = STEPS.findIndex(({ decides }) => decides.some((each) => each === type));
  return first < orderOf(resolution.stage) ? true : undefined;
}

/** The condition of a stage that did not pass: False for what a person must fix, Unknown for what may pass by itself while a revision serves. */
function stopped(facts: Facts, type: ConditionType): Verdict {
  const { resolution } = facts;
  if (resolution.state === "pending" && facts.suspended) {
    const serving = facts.served === undefined ? "nothing is served" : `revision ${facts.served.number} keeps serving`;
    return { status: "Unknown", reason: "Suspended", message: `spec.suspend is true: changes wait, ${serving}` };
  }
  if (resolution.state !== "failed" || conditionOf(resolution.stage) !== type) {
    return { status: "Unknown", reason: "Pending", message: "not reached yet" };
  }
  const { reason, retryable } = resolution.error;
  const message = clip(resolution.error.message.replace(/\.$/, ""), LONGEST_MESSAGE);
  const passing = retryable && resolution.heldOver;
  const serving = facts.served === undefined ? "" : `; revision ${facts.served.number} keeps serving`;
  const retry = retryable
    ? "; tried again with backoff"
    : resolution.stage === "resolve" || resolution.stage === "verify"
      ? "; looked at again, every spec.interval at least"
      : "";
  const lasts = facts.now >= lastingFrom(resolution);
  return { status: passing ? "Unknown" : "False", reason, message: `${message}${retry}${serving}`, lasts };
}

function accepted(facts: Facts): Verdict {
  if (passed(facts, "Accepted") === false) return stopped(facts, "Accepted");
  return { status: "True", reason: "Accepted", message: "the spec is valid" };
}

/** Absent where no policy is for the filter. */
function permitted(facts: Facts): Verdict | undefined {
  if (passed(facts, "Permitted") === false) return stopped(facts, "Permitted");
  const { rules, violations } = facts.judgement ?? {};
  if (rules?.known !== true || rules.policies.length === 0) return undefined;
  const told = audited(violations ?? []);
  if (told.length > 0) return { status: "True", reason: AUDITED, message: clip(describeViolations(told), LONGEST_MESSAGE) };
  const names = rules.policies.map(({ name }) => name).join(", ");
  return {
    status: "True",
    reason: "Permitted",
    message: clip(`holds to ${count(rules.policies.length, "policy")}: ${names}`, LONGEST_TOLD),
  };
}

function resolved(facts: Facts): Verdict {
  if (passed(facts, "Resolved") !== true) return stopped(facts, "Resolved");
  const { target } = facts;
  const message = target === undefined ? "the module is in the store" : `${target.image} is ${target.digest}`;
  return { status: "True", reason: "Resolved", message };
}

function verified(facts: Facts): Verdict {
  if (passed(facts, "Verified") !== true) return stopped(facts, "Verified");
  return { status: "True", reason: "Verified", message: verifiedBy(facts.signers) };
}

function validated(facts: Facts): Verdict {
  if (passed(facts, "Validated") !== true) return stopped(facts, "Validated");
  const { measurements: m, target } = facts;
  const told = m === undefined ? target?.told : m.told;
  const reason = told?.reason ?? "Validated";
  const letThrough = told === undefined ? "" : `${clip(told.message, LONGEST_TOLD)}; let through, as spec.preflight.traffic is Report; `;
  if (m === undefined) {
    return { status: "True", reason, message: `${letThrough}revision ${target?.number ?? "?"} passed preflight when it was made` };
  }
  return { status: "True", reason, message: `${letThrough}${measuredAs(m)}`.slice(0, 2048) };
}

/** How many proxies let nothing pass, since the filter must be there and is not. */
function standingIn({ standIns, counts }: Facts): string {
  return `${standIns} of ${counts.matched} proxies answer 503 in its place (whenMissing: Closed)`;
}

function programmed(facts: Facts): Verdict {
  const { counts, isHeard, hung, served, rollout, target } = facts;
  const closed = facts.standIns === 0 ? "" : `; ${standingIn(facts)}`;
  const { matched, updated, rejected, pending } = counts;
  if (target === undefined || (served === undefined && rollout.phase === "Rejected")) {
    if (!facts.isDemanded) return { status: "False", reason: "NothingToServe", message: "no revision can be served" };
    return { status: "False", reason: MISSING, message: `no revision can be served; ${standingIn(facts)}` };
  }
  if (pending === 0 && rejected === 0 && !isHeard) {
    return {
      status: "Unknown",
      reason: "Settling",
      message: `Weir just started: more proxies of it may be on their way back; ${updated} of ${matched} acknowledged so far`,
    };
  }
  if (matched === 0) {
    const slot = JSON.stringify(target.settings.slot);
    return { status: "True", reason: "NoProxies", message: `no selected proxy has slot ${slot} yet` };
  }
  if (rejected > 0)
    return {
      status: "False",
      reason: "Rejected",
      message: `${rejected} of ${matched} proxies rejected revision ${target.number}${closed}`,
      lasts: true,
    };
  if (hung.length > 0) {
    const message = `${hung.length} of ${matched} proxies hang, whatever they acknowledged: ${hung.slice(0, 5).join(", ")}; start them anew`;
    return { status: "False", reason: "ProxyHung", message, lasts: true };
  }
  if (pending > 0)
    return { status: "False", reason: "Pending", message: `${updated} of ${matched} proxies acknowledged, ${pending} to go${closed}` };
  return { status: "True", reason: "Acknowledged", message: `${updated} of ${matched} proxies acknowledged` };
}

function progressing({ rollout, deadlineExceeded, paused, suspended }: Facts): Verdict {
  if (rollout.phase !== "Progressing") {
    const doubt = doubtOf(rollout);
    if (doubt !== undefined) return { status: "False", reason: "WatchFailed", message: doubt, lasts: true };
    const reason = rollout.phase === "Succeeded" ? "Complete" : rollout.phase === "Idle" ? "NoRevision" : rollout.phase;
    const message = rollout.phase === "Succeeded" ? `revision ${rollout.target} reached every wave` : "no rollout is under way";
    return { status: "False", reason, message };
  }
  if (deadlineExceeded) {
    const message = `revision ${rollout.target} stopped at wave ${rollout.step + 1}: not every proxy acknowledged in time, and autoRollback is off`;
    return { status: "False", reason: "ProgressDeadlineExceeded", message, lasts: true };
  }
  const wave = `revision ${rollout.target}, wave ${rollout.step + 1}`;
  if (isInForce(rollout)) {
    const back = isFirst(rollout) ? "there is no earlier one to go back to" : `revision ${rollout.stable} comes back if it is worse`;
    const on = suspended
      ? "; spec.suspend is true: the watch goes on until that is taken away"
      : paused
        ? "; paused by hand: the watch goes on until `weir rollout resume`"
        : "";
    return { status: "True", reason: WATCHING, message: `revision ${rollout.target} is in force and watched; ${back}${on}` };
  }
  if (suspended) return { status: "Unknown", reason: "Suspended", message: `${wave}, suspended` };
  if (paused) return { status: "Unknown", reason: "Paused", message: `${wave}, paused` };
  return { status: "True", reason: rollout.heldSince === undefined ? "WaveInProgress" : "WaveHolding", message: wave };
}

/** What speaks against the revision that serves. */
function doubtOf({ phase, target, outcomes }: RolloutState): string | undefined {
  const outcome = outcomes.get(target ?? 0);
  if (phase !== "Succeeded" || !isDoubtful(outcome)) return undefined;
  return `revision ${target} is worse than before and stays: ${outcome?.message}`;
}

function rolledBack({ rollout }: Facts): Verdict {
  const outcome = rollout.target === undefined ? undefined : rollout.outcomes.get(rollout.target);
  if (isTakenBack(rollout.phase)) {
    const message = outcome?.message ?? "the target failed";
    const reason = /^([A-Z]\w+):/.exec(message)?.[1] ?? "Failed";
    const back = rollout.stable === undefined ? "there was no earlier revision" : `revision ${rollout.stable} serves`;
    return { status: "True", reason, message: `revision ${rollout.target} failed, ${back}: ${message}`, lasts: true };
  }
  return { status: "False", reason: "NotRolledBack", message: "the target is not known to fail" };
}

/** Sums the others up: the first condition that blocks decides, in the order of the steps. */
function ready(facts: Facts, verdicts: Verdicts): Verdict {
  const heldOver = facts.resolution.state === "failed" && facts.resolution.heldOver;
  for (const type of STAGE_CONDITIONS) {
    const verdict = verdicts.get(type);
    if (verdict !== undefined && (verdict.status === "False" || (verdict.status === "Unknown" && !heldOver))) return blocked(verdict);
  }
  if (facts.trouble !== undefined)
    return blocked({ status: "False", reason: "InternalError", message: facts.trouble.message, lasts: true });
  const back = verdicts.get("RolledBack");
  if (back?.status === "True") return blocked({ ...back, reason: facts.rollout.phase });
  const [done, progress] = [verdicts.get("Programmed"), verdicts.get("Progressing")];
  if (facts.rollout.phase === "Progressing" && !isInForce(facts.rollout)) {
    const message = `${progress?.message ?? ""}: ${done?.message ?? ""}`;
    return { status: "False", reason: progress?.reason ?? "Progressing", message, lasts: progress?.lasts === true };
  }
  if (done !== undefined && done.status !== "True") return blocked(done);
  if (doubtOf(facts.rollout) !== undefined && progress !== undefined) return blocked(progress);
  const digest = shortDigest(facts.served?.digest);
  const held = facts.suspended ? "; spec.suspend is true: changes wait" : "";
  return { status: "True", reason: "Ready", message: `revision ${facts.served?.number ?? "?"} (${digest}): ${done?.message ?? ""}${held}` };
}

function blocked({ reason, message, lasts = false }: Verdict): Verdict {
  return { status: "False", reason, message, lasts };
}

/**
 * While Ready is not True, exactly one of these two is there and says whether waiting helps; while it is, neither, but for a revision that is watched: it may go
 * back yet. Tools that know nothing of Weir read them: https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus
 */
function reconciling(verdicts: Verdicts): Verdict | undefined {
  const [ready, progress] = [verdicts.get("Ready"), verdicts.get("Progressing")];
  if (ready?.status === "True" && progress?.reason === WATCHING) return progress;
  return ready === undefined || ready.status === "True" || ready.lasts === true ? undefined : { ...ready, status: "True" };
}

function stalled(verdicts: Verdicts): Verdict | undefined {
  const ready = verdicts.get("Ready");
  return ready?.lasts === true && ready.status !== "True" ? { ...ready, status: "True" } : undefined;
}

type Decide = (facts: Facts, verdicts: Verdicts) => Verdict | undefined;

/** One small function for each condition; `undefined`: the condition does not apply. The table of steps has their order. */
const decide: Readonly<Record<ConditionType, Decide>> = {
  Accepted: accepted,
  Permitted: permitted,
  Resolved: resolved,
  Verified: (facts) => (facts.verifies ? verified(facts) : undefined),
  Validated: validated,
  Programmed: programmed,
  Progressing: progressing,
  RolledBack: rolledBack,
  Ready: ready,
  Reconciling: (_, verdicts) => reconciling(verdicts),
  Stalled: (_, verdicts) => stalled(verdicts),
};

/** The conditions of a filter, in the order of the steps that decide them. A condition keeps its lastTransitionTime while its status stays. */
export function conditionsOf(facts: Facts, previous: readonly Partial<Condition>[], now: string): readonly Condition[] {
  const verdicts = new Map<ConditionType, Verdict>();
  for (const type of CONDITIONS) {
    const verdict = decide[type](facts, verdicts);
    if (verdict !== undefined) verdicts.set(type, verdict);
  }
  return Array.from(verdicts, ([type, { status, reason, message }]) => {
    const before = previous.find((condition) => condition.type === type);
    const lastTransitionTime = before?.status === status && before.lastTransitionTime ? before.lastTransitionTime : now;
    return { type, status, reason, message, observedGeneration: facts.generation, lastTransitionTime };
  });
}
