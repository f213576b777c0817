import type { ModuleRegistry } from "../../model/module.ts";
import type { FilterRecord } from "../filter/record.ts";
import type { Source } from "../source/source.ts";
import { createPolicyBook, type PolicyBook, type Rules } from "./book.ts";
import { createPermits, isOutdated, mayGoOut, type Permits } from "./permits.ts";
import { type Claim, claimOf } from "./places.ts";

export interface PolicingDeps {
  readonly source: Pick<Source, "policies">;
  readonly registry: Pick<ModuleRegistry, "repositoryOf">;
  readonly records: { all(): Iterable<FilterRecord> };
  readonly ownNamespace?: string | undefined;
}

/** Policies and the filters that are there, put together: what a running operator asks of them. */
export interface Policing {
  readonly book: PolicyBook;
  readonly permits: Permits;
  /** What the record's spec leads to may go out. */
  mayGoOut(record: FilterRecord): boolean;
  /** A look at what the record leads to begins, and judges by what policies say now. */
  begins(record: FilterRecord): void;
  /** Tells which records have to be judged again. For one pass over them: it knows what their slots hold as of now. */
  outdated(): (record: FilterRecord) => boolean;
  /** Some policy of this namespace counts filters in slots. */
  countsIn(namespace: string): boolean;
}

export function createPolicing({ source, registry, records, ownNamespace }: PolicingDeps): Policing {
  const book = createPolicyBook(() => source.policies());
  const claims = (namespace: string) => claimsOf(namespace, records.all());
  const permits = createPermits({ book, registry, claims, ownNamespace });
  const begun = new WeakMap<FilterRecord, Rules>();
  return {
    book,
    permits,
    mayGoOut: (record) => mayGoOut(record, permits, claims),
    begins: (record) => void begun.set(record, book.rulesOf(record.key.namespace)),
    outdated() {
      const known = new Map<string, readonly Claim[]>();
      const claimsNow = (namespace: string) => {
        const found = known.get(namespace) ?? [...claims(namespace)];
        known.set(namespace, found);
        return found;
      };
      return (record) => isOutdated(record, permits, claimsNow, begun.get(record));
    },
    countsIn(namespace) {
      const rules = book.rulesOf(namespace);
      return rules.known && rules.policies.some(({ maxFiltersPerSlot }) => maxFiltersPerSlot !== undefined);
    },
  };
}

/** The claims of those that are of this namespace. */
export function* claimsOf(namespace: string, records: Iterable<FilterRecord>): Iterable<Claim> {
  for (const record of records) if (record.key.namespace === namespace) yield claimOf(record);
}
