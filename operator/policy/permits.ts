import { type Filter, filterId } from "../../model/filter.ts";
import type { ModuleRegistry } from "../../model/module.ts";
import type { ImageRule, Policy, PolicyDemand, PolicyMode, Violation } from "../../model/policy.ts";
import { type Failure, failForNow } from "../../model/result.ts";
import type { SignatureDemand } from "../../model/verify.ts";
import { isPinned } from "../filter/look.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { PolicyBook, Rules } from "./book.ts";
import { enforced } from "./judge.ts";
import { type Claim, claimOf, placeOf } from "./places.ts";
import { matchingImages } from "./rules.ts";
import type { Subject } from "./subject.ts";

/** By which rules a filter was judged last, and what was found. */
export interface Judgement {
  readonly rules: Rules;
  readonly violations: readonly Violation[];
}

/** What policies are asked. */
export interface Permits {
  rulesOf(namespace: string): Rules;
  /** The signatures that policies demand of the filter's image, beside those of its spec. `mode`: of which policies. */
  demandsOf(filter: Filter, mode?: PolicyMode): readonly PolicyDemand[];
  /** A filter as these policies see it before its module is there. */
  subjectOf(filter: Filter, policies: readonly Policy[]): Subject;
}

export interface PermitsDeps {
  readonly book: Pick<PolicyBook, "rulesOf">;
  readonly registry: Pick<ModuleRegistry, "repositoryOf">;
  /** The claims of all filters of a namespace. */
  readonly claims: (namespace: string) => Iterable<Claim>;
  /** Weir's, where the keys are that policies name. Default: as it is installed. */
  readonly ownNamespace?: string | undefined;
}

/** Where Weir is, if nothing says so: as charts and docs install it. */
const INSTALLED_IN = "weir-system";

export function createPermits({ book, registry, claims, ownNamespace = INSTALLED_IN }: PermitsDeps): Permits {
  return {
    rulesOf: (namespace) => book.rulesOf(namespace),
    demandsOf({ key, source }, mode = "Enforce") {
      if (source.kind === "url") return [];
      const repository = registry.repositoryOf(source.image);
      const policies = book.rulesOf(key.namespace).policies.filter((policy) => policy.mode === mode);
      return policies.flatMap((policy) => matchingImages(policy, repository).flatMap((rule) => demandsOfRule(policy, rule, ownNamespace)));
    },
    subjectOf(filter, policies) {
      const { key, source, settings } = filter;
      const isCounted = policies.some(({ maxFiltersPerSlot }) => maxFiltersPerSlot !== undefined);
      const place = isCounted ? placeIn(settings.slot, filterId(key), [...claims(key.namespace)]) : 1;
      if (source.kind === "url") return { source: { kind: "url" }, settings, place };
      const repository = registry.repositoryOf(source.image);
      return { source: { kind: "image", repository, isPinned: isPinned(filter) }, settings, place };
    },
  };
}

function demandsOfRule({ name }: Policy, [index, { verify }]: readonly [number, ImageRule], namespace: string): readonly PolicyDemand[] {
  return verify.map((demand, nth) => ({ policy: name, place: `images[${index}].verify[${nth}]`, demand: inNamespace(demand, namespace) }));
}

/** No filter's namespace may say what the key or the trust root of a policy is. */
function inNamespace(demand: SignatureDemand, namespace: string): SignatureDemand {
  const { signer } = demand;
  const here = <T>(text: T): T => (typeof text === "object" ? { ...text, namespace } : text);
  const named =
    signer.kind === "keyless" ? { ...signer, trustRoot: here(signer.trustRoot) } : { ...signer, publicKey: here(signer.publicKey) };
  return { ...demand, signer: named };
}

/** Younger than every filter that is there. */
const NEWEST = "~";

/** The place in a slot of the filter with this id: where it is there already, it holds what it holds. */
function placeIn(slot: string, id: string, claims: readonly Claim[]): number {
  const own = claims.find((claim) => claim.id === id) ?? { id, holds: new Set<string>(), created: NEWEST };
  return placeOf({ ...own, slot }, claims);
}

/** Why nothing may go out while policies are not known. */
export function unknownPolicies(why: string): Failure {
  return failForNow("PoliciesUnknown", `${why}; nothing new goes out before it is known what is allowed`).error;
}

/** True where what the filter leads to may go out, by the policies as they are now. `claims`: of all filters of its namespace. */
export function mayGoOut(record: FilterRecord, { rulesOf }: Pick<Permits, "rulesOf">, claims: PermitsDeps["claims"]): boolean {
  const rules = rulesOf(record.key.namespace);
  if (!rules.known) return false;
  if (rules.policies.length === 0) return true;
  const { judgement } = record;
  return judgement?.rules === rules && enforced(judgement.violations).length === 0 && mostOf(record, rules, claims).fits;
}

/**
 * True where it has to be judged again: by other rules, or since it has another place in its slot. `begun`: the rules by which the last look at it began, which may
 * be under way, or have stopped at something else than policies.
 */
export function isOutdated(
  record: FilterRecord,
  { rulesOf }: Pick<Permits, "rulesOf">,
  claims: PermitsDeps["claims"],
  begun: Rules | undefined,
): boolean {
  const rules = rulesOf(record.key.namespace);
  const { judgement } = record;
  if ((begun ?? judgement?.rules) !== rules) return true;
  if (!rules.known) return false;
  const { isCounted, fits } = mostOf(record, rules, claims);
  return isCounted && fits === enforced(judgement?.violations ?? []).some(({ rule }) => rule === "maxFiltersPerSlot");
}

/** Whether the filter's slot has place for it, by the filters as they are now. */
function mostOf(record: FilterRecord, { policies }: Extract<Rules, { known: true }>, claims: PermitsDeps["claims"]) {
  const most = policies.filter(({ mode }) => mode === "Enforce").flatMap(({ maxFiltersPerSlot = [] }) => maxFiltersPerSlot);
  if (most.length === 0) return { isCounted: false, fits: true };
  return { isCounted: true, fits: placeOf(claimOf(record), claims(record.key.namespace)) <= Math.min(...most) };
}
