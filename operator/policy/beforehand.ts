import type { Violation } from "../../model/policy.ts";
import type { Fields } from "../parse/defaults.ts";
import { parseFilter } from "../parse/filter.ts";
import type { Assembly } from "../source/folder/assemble.ts";
import { policiesOf } from "../source/folder/policies.ts";
import { createPolicyBook } from "./book.ts";
import { judge } from "./judge.ts";
import { createPermits } from "./permits.ts";
import type { Claim } from "./places.ts";

/** What judges a filter: policies, labels of namespaces, and the filters that are there. */
type Ruled = Pick<Assembly, "policies" | "namespaces" | "filters">;

/** What the policies of a folder say of a WasmFilter that is about to be written into it. */
export interface Beforehand {
  readonly violations: readonly Violation[];
  /** Why it cannot be told; nothing goes out meanwhile. */
  readonly unknown?: string;
}

/**
 * Judges a manifest by what it says itself; its module is judged by the server. `fields`: with its namespace. What does not parse is for others to refuse. How old
 * filters are only the server knows: one that is there already keeps its place.
 */
export function judgeBeforehand(fields: Fields, folder: Ruled, repositoryOf: (image: string) => string): Beforehand {
  const parsed = parseFilter(fields);
  if (!parsed.ok) return { violations: [] };
  const policies = policiesOf(folder);
  const book = createPolicyBook(() => policies);
  const { key } = parsed.value;
  const rules = book.rulesOf(key.namespace);
  if (!rules.known) return { violations: [], unknown: rules.why };
  const permits = createPermits({ book, registry: { repositoryOf }, claims: (namespace) => claimsIn(namespace, folder) });
  return { violations: judge(rules.policies, permits.subjectOf(parsed.value, rules.policies)) };
}

function claimsIn(namespace: string, { filters }: Ruled): readonly Claim[] {
  return Array.from(filters).flatMap(([id, { fields }]) => {
    const parsed = parseFilter(fields);
    if (!parsed.ok || parsed.value.key.namespace !== namespace) return [];
    const { slot } = parsed.value.settings;
    return [{ id, slot, holds: new Set([slot]), created: "" }];
  });
}
