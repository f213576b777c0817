import type { LabelSelector } from "../../model/filter.ts";
import { NAMESPACE_NAME_LABEL, type Policy } from "../../model/policy.ts";
import type { Result } from "../../model/result.ts";
import { selects } from "../../model/selector.ts";
import { parsePolicy, readNamespaceSelector } from "../parse/policy.ts";
import type { Policies } from "../source/policies.ts";

/** What holds in a namespace: every policy that is for it. The same object for as long as that is the same. */
export type Rules =
  | { readonly known: true; readonly policies: readonly Policy[] }
  /** Nothing new may go out there: a policy may forbid it. `policies`: those that are known to be for it. */
  | { readonly known: false; readonly policies: readonly Policy[]; readonly why: string };

/** Where no policy is for a namespace. */
export const NO_RULES: Rules = { known: true, policies: [] };

/** Which policies are for which namespace, as of now. */
export interface PolicyBook {
  rulesOf(namespace: string): Rules;
  /** Every policy by name, as it parses. Empty while they are not known. */
  all(): ReadonlyMap<string, Result<Policy>>;
}

export function createPolicyBook(snapshot: () => Policies): PolicyBook {
  return new CachingBook(snapshot);
}

class CachingBook implements PolicyBook {
  private readonly snapshot: () => Policies;
  private readonly parsed = new WeakMap<object, Result<Policy>>();
  private seen: Policies | undefined;
  private policies: ReadonlyMap<string, Result<Policy>> = new Map();
  /** Namespace -> its rules under the snapshot that was seen last. */
  private rules = new Map<string, Rules>();
  /** The same under the one before. */
  private before = new Map<string, Rules>();

  constructor(snapshot: () => Policies) {
    this.snapshot = snapshot;
  }

  all(): ReadonlyMap<string, Result<Policy>> {
    this.look();
    return this.policies;
  }

  rulesOf(namespace: string): Rules {
    const now = this.look();
    const known = this.rules.get(namespace);
    if (known !== undefined) return known;
    const before = this.before.get(namespace);
    const found = this.find(namespace, now);
    const rules = before !== undefined && isSame(before, found) ? before : found;
    this.rules.set(namespace, rules);
    return rules;
  }

  private look(): Policies {
    const now = this.snapshot();
    if (now === this.seen) return now;
    this.seen = now;
    // Namespaces that nobody asked for since are forgotten.
    this.before = this.rules;
    this.rules = new Map();
    this.policies = new Map(Array.from(now.objects ?? [], ([name, object]) => [name, this.parse(object)]));
    return now;
  }

  private parse(object: object): Result<Policy> {
    const known = this.parsed.get(object) ?? parsePolicy(object);
    this.parsed.set(object, known);
    return known;
  }

  /** True where some policy tells namespaces apart by more than their names. */
  private needsLabels(objects: ReadonlyMap<string, object>): boolean {
    const selectors = Array.from(objects, ([name, object]) => {
      const policy = this.policies.get(name);
      return policy?.ok === true ? policy.value.namespaces : readNamespaceSelector(object);
    });
    const keys = selectors.flatMap((selector) => [
      ...Object.keys(selector?.matchLabels ?? {}),
      ...(selector?.matchExpressions ?? []).map(({ key }) => key),
    ]);
    return keys.some((key) => key !== NAMESPACE_NAME_LABEL);
  }

  private find(namespace: string, { objects, problem, labels }: Policies): Rules {
    if (objects === undefined) return { known: false, policies: [], why: problem ?? "the WasmPolicies are still being read" };
    if (objects.size === 0) return NO_RULES;
    const given = labels(namespace) ?? (this.needsLabels(objects) ? undefined : {});
    if (given === undefined) return { known: false, policies: [], why: `the labels of namespace ${namespace} are not known yet` };
    const policies: Policy[] = [];
    let why: string | undefined;
    for (const [name, object] of objects) {
      const policy = this.policies.get(name);
      if (policy?.ok === true) {
        if (selectsNamespace(policy.value.namespaces, namespace, given)) policies.push(policy.value);
        continue;
      }
      const selector = readNamespaceSelector(object);
      if (selector !== undefined && !selectsNamespace(selector, namespace, given)) continue;
      why ??= `WasmPolicy ${name} cannot be read: ${policy?.error.message ?? "not an object"}`;
    }
    if (why !== undefined) return { known: false, policies, why };
    return policies.length === 0 ? NO_RULES : { known: true, policies };
  }
}

/** True where a policy with this selector is for the namespace. Its name is a label that nobody can change. */
export function selectsNamespace(selector: LabelSelector, name: string, labels: Readonly<Record<string, string>>): boolean {
  return selects(selector, { ...labels, [NAMESPACE_NAME_LABEL]: name });
}

function isSame(a: Rules, b: Rules): boolean {
  if ((a.known ? undefined : a.why) !== (b.known ? undefined : b.why)) return false;
  return a.policies.length === b.policies.length && a.policies.every((policy, index) => policy === b.policies[index]);
}
