import { createFairTurns } from "../../base/fair-turns.ts";
import { fieldsOf } from "../../base/json.ts";
import type { Keyring } from "../../base/keyring.ts";
import { abortAfter } from "../../model/clock.ts";
import { type CrashJournal, noCrashJournal } from "../../model/crash-journal.ts";
import type { FleetView } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";
import { KIND } from "../../model/gen/wasmfilter.ts";
import { POLICY_KIND } from "../../model/gen/wasmpolicy.ts";
import type { Applicant, FilterPlan, Planner, PlanRequest } from "../../model/plan.ts";
import { failForNow, ok, type Result } from "../../model/result.ts";
import type { FilterRecord } from "../filter/record.ts";
import { revisionsOf } from "../filter/records.ts";
import { createRevisionIdentity } from "../filter/revision-identity.ts";
import { createPolicyBook, type PolicyBook } from "../policy/book.ts";
import { createPermits } from "../policy/permits.ts";
import type { Claim } from "../policy/places.ts";
import { claimsOf } from "../policy/policing.ts";
import type { ResolveDeps } from "../resolve/resolve.ts";
import { createResolver } from "../resolve/resolver.ts";
import { WaveLine } from "../rollout/wave.ts";
import type { Source } from "../source/source.ts";
import { type FilterPlanDeps, planFilter } from "./filter-plan.ts";
import { type Asked, policiesWith, readRequest, sourceWith } from "./request.ts";

export interface PlannerOptions extends Omit<ResolveDeps, "source" | "revisionsOf" | "identity" | "permits"> {
  readonly source: Pick<Source, "secret" | "configMap" | "policies">;
  /** What the operator knows of each filter. */
  readonly records: () => Iterable<FilterRecord>;
  /** False while the desired state is being read. */
  readonly ready: () => boolean;
  readonly fleet: Pick<FleetView, "proxies">;
  /** The operator's. */
  readonly keys: Keyring;
  readonly crashes?: CrashJournal;
  readonly ownNamespace: string | undefined;
}

/** Milliseconds that one plan may take. */
export const PLAN_MS = 120_000;
/** Filters that are resolved for plans at once: half of what the operator resolves at once, and one of a namespace. */
const TURNS = { places: 2, placesPerKey: 1, waiting: 64, waitingPerKey: 8 };

const NOT_READY = failForNow("Busy", "the desired state is still being read; try again");
const BUSY = failForNow("Busy", "too many plans are being computed; try again later");

/**
 * Plans with the steps of a reconcile: parse, configure, resolve, verify, prove. Nothing that they find out is kept but modules in the store, which count as
 * modules that nothing needs and are the first to be evicted, and verdicts in memory.
 */
export function createPlanner(options: PlannerOptions): Planner {
  return new ResolvingPlanner(options);
}

class ResolvingPlanner implements Planner {
  private readonly options: PlannerOptions;
  private readonly shared: Omit<FilterPlanDeps, "resolver">;
  private readonly book: PolicyBook;
  private readonly turns = createFairTurns(TURNS);

  constructor(options: PlannerOptions) {
    const { keys, fleet, clock, ownNamespace, crashes = noCrashJournal } = options;
    this.options = options;
    this.book = createPolicyBook(() => options.source.policies());
    const identity = createRevisionIdentity(keys.keyedHash("revision identity"));
    this.shared = { identity, fleet, clock, crashes, ownNamespace, line: new WaveLine(keys.keyedHash("wave position")) };
  }

  async plan({ objects, applicant, signal }: PlanRequest): Promise<Result<{ readonly filters: readonly FilterPlan[] }>> {
    const asked = readRequest(objects);
    if (!asked.ok) return asked;
    if (!this.options.ready()) return NOT_READY;
    const known = new Map(Array.from(this.options.records(), (record) => [record.id, record]));
    for (const { key } of asked.value.filters) {
      const allowed = await applicant.mayApply({ kind: KIND, ...key }, known.has(filterId(key)));
      if (!allowed.ok) return allowed;
    }
    const ruled = await this.mayRule(asked.value, applicant);
    if (!ruled.ok) return ruled;
    const late = abortAfter(this.options.clock, PLAN_MS);
    try {
      return await this.planAll(asked.value, known, AbortSignal.any([signal, late.signal]));
    } finally {
      late.cancel();
    }
  }

  /** A policy of one's own would let the server fetch what the others forbid: it takes the right to apply it, and so do labels that policies select by. */
  private async mayRule({ policies, namespaces }: Asked, applicant: Applicant): Promise<Result<void>> {
    const there = this.options.source.policies();
    for (const name of policies.keys()) {
      const allowed = await applicant.mayApply({ kind: POLICY_KIND, namespace: "", name }, there.objects?.has(name) === true);
      if (!allowed.ok) return allowed;
    }
    // A filter can only be planned in one that is there.
    for (const name of namespaces.keys()) {
      const allowed = await applicant.mayApply({ kind: "Namespace", namespace: "", name }, true);
      if (!allowed.ok) return allowed;
    }
    return ok(undefined);
  }

  /** One after the other: who plans many filters waits in line with who plans one. */
  private async planAll(asked: Asked, known: ReadonlyMap<string, FilterRecord>, signal: AbortSignal) {
    const deps = { ...this.shared, resolver: this.resolverFor(asked, known) };
    const filters: FilterPlan[] = [];
    for (const filter of asked.filters) {
      const planned = await this.turns.run(filter.key.namespace, () => planFilter(filter, known.get(filterId(filter.key)), deps, signal));
      if (planned === undefined) return BUSY;
      filters.push(planned);
    }
    return ok({ filters });
  }

  private resolverFor(asked: Asked, known: ReadonlyMap<string, FilterRecord>) {
    const { options } = this;
    const { registry, preflight, source, ownNamespace } = options;
    const book = asked.policies.size + asked.namespaces.size === 0 ? this.book : bookWith(asked, source);
    const deps: ResolveDeps = {
      ...options,
      identity: this.shared.identity,
      permits: createPermits({ book, registry, ownNamespace, claims: (namespace) => plannedClaims(namespace, asked, known) }),
      source: sourceWith(asked.given, source),
      preflight: { validate: (code, settings, proof) => preflight.validate(code, settings, { ...proof, later: true }) },
      revisionsOf: (namespace) => revisionsOf(namespace, known.values()),
    };
    return createResolver(deps);
  }
}

/** By the policies that there would be. */
function bookWith(asked: Asked, source: Pick<Source, "policies">): PolicyBook {
  let seen = source.policies();
  let would = policiesWith(asked, seen);
  return createPolicyBook(() => {
    const now = source.policies();
    if (now !== seen) [seen, would] = [now, policiesWith(asked, now)];
    return would;
  });
}

/** The claims that would be there: filters that are new come after those that are there, in the order of the request. */
function plannedClaims(namespace: string, { filters }: Asked, known: ReadonlyMap<string, FilterRecord>): Iterable<Claim> {
  const claims = new Map(Iterator.from(claimsOf(namespace, known.values())).map((claim) => [claim.id, claim]));
  for (const [index, { key, object }] of filters.entries()) {
    if (key.namespace !== namespace) continue;
    const id = filterId(key);
    const { slot = "default" } = fieldsOf(object.spec);
    const before = claims.get(id) ?? { id, holds: new Set<string>(), created: `~${String(index).padStart(4, "0")}` };
    claims.set(id, { ...before, slot: typeof slot === "string" ? slot : undefined });
  }
  return claims.values();
}
