import { isDeepStrictEqual } from "node:util";
import { inBackground } from "../../base/boundary.ts";
import type { Clock } from "../../model/clock.ts";
import type { WasmPolicy, WasmPolicyStatus } from "../../model/gen/wasmpolicy.ts";
import type { Leadership } from "../../model/leadership.ts";
import type { Log } from "../../model/log.ts";
import type { Policy } from "../../model/policy.ts";
import { failForNow, ok, type Result } from "../../model/result.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { Source } from "../source/source.ts";
import type { PolicyBook } from "./book.ts";
import { type JudgedFilter, policyStatus } from "./report.ts";

export interface ReporterDeps {
  readonly source: Pick<Source, "policies" | "writePolicyStatus">;
  readonly book: PolicyBook;
  readonly records: { all(): Iterable<FilterRecord> };
  readonly leadership: Pick<Leadership, "isLeading">;
  readonly clock: Clock;
  readonly log: Log;
}

/** Says in the status of each policy how many filters hold to it. */
export interface PolicyReporter {
  /** The policies by name, each with its status as of now; who does not lead has what the source says. Fails with `PoliciesUnknown`. */
  current(): Result<readonly WasmPolicy[]>;
  /** Something may be another now. Written a little later, however often it is called. */
  note(): void;
  stop(): void;
}

/** One policy at one moment. */
interface Look {
  readonly name: string;
  readonly raw: object;
  readonly status: WasmPolicyStatus | undefined;
  readonly next: WasmPolicyStatus;
}

/** Shortest time between two reports: a policy may be for every filter that there is. */
const PACE_MS = 1_000;
/** After a write that failed. */
const RETRY_MS = 10_000;

export function createPolicyReporter(deps: ReporterDeps): PolicyReporter {
  const { source, book, leadership, clock, log } = deps;
  let cancel: (() => void) | undefined;
  let isStopped = false;
  /** What was written of each, by the object that it is of: a watch does not bring it back. */
  const written = new WeakMap<object, WasmPolicyStatus>();

  function later(ms: number): void {
    if (isStopped) return;
    cancel ??= clock.after(ms, () => {
      cancel = undefined;
      inBackground(report(), (error) => log.error("the status of policies could not be made", { error: String(error) }));
    });
  }

  /** Each policy, with the status that it had and the one that it has now. */
  function looks(objects: ReadonlyMap<string, object>): readonly Look[] {
    const judged = judgedBy(deps);
    const now = new Date(clock.now()).toISOString();
    return Array.from(objects).flatMap(([name, raw]) => {
      const policy = book.policy(name);
      if (policy === undefined) return [];
      const { metadata, status: read } = raw as WasmPolicy;
      const status = written.get(raw) ?? read;
      const filters = policy.ok ? (judged.get(policy.value) ?? []) : [];
      const next = policyStatus({ generation: metadata.generation ?? 1, policy, filters, now }, status);
      return { name, raw, status, next };
    });
  }

  async function report(): Promise<void> {
    const { objects } = source.policies();
    if (objects === undefined || objects.size === 0 || !leadership.isLeading()) return;
    let isComplete = true;
    for (const { name, raw, status, next } of looks(objects)) {
      if (isDeepStrictEqual(next, status)) continue;
      const done = await source.writePolicyStatus(name, next);
      if (done.ok) written.set(raw, next);
      else {
        isComplete = false;
        log.warn("the status of a policy could not be written; tried again", { policy: name, message: done.error.message });
      }
    }
    if (!isComplete) later(RETRY_MS);
  }

  return {
    current() {
      const { objects, problem = "the WasmPolicies are still being read" } = source.policies();
      if (objects === undefined) return failForNow("PoliciesUnknown", problem);
      const shown = leadership.isLeading()
        ? looks(objects).map(({ raw, next }) => ({ ...(raw as WasmPolicy), status: next }))
        : Array.from(objects.values(), (raw) => raw as WasmPolicy);
      return ok(shown.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)));
    },
    note() {
      if (source.policies().objects?.size !== 0) later(PACE_MS);
    },
    stop() {
      isStopped = true;
      cancel?.();
    },
  };
}

/** The filters that each policy is for. */
function judgedBy({ records, book }: ReporterDeps): Map<Policy, JudgedFilter[]> {
  const judged = new Map<Policy, JudgedFilter[]>();
  for (const { key, judgement } of records.all()) {
    const rules = book.rulesOf(key.namespace);
    const isJudged = rules.known && judgement?.rules === rules;
    for (const policy of rules.policies) {
      const violations = (judgement?.violations ?? []).filter((violation) => violation.policy === policy.name);
      const filters = judged.get(policy) ?? [];
      filters.push({ ...key, isJudged, violations });
      judged.set(policy, filters);
    }
  }
  return judged;
}
