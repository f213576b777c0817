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
  /** The policy with this name, as it parses. `undefined`: there is none, or they are not known. */
  policy(name: string): Result<Policy> | undefined;
}

/** What was read of one object. */
interface Entry {
  readonly policy: Result<Policy>;
  /** Which namespaces it is for. `undefined`: that cannot be read, and it may be for any. */
  readonly selector: LabelSelector | undefined;
}

export function createPolicyBook(snapshot: () => Policies): PolicyBook {
  return new CachingBook(snapshot);
}

class CachingBook implements PolicyBook {
  private readonly snapshot: () => Policies;
  private readonly read = new WeakMap<object, Entry>();
  private seen: Policies | undefined;
  private entries: ReadonlyMap<string, Entry> = new Map();
  /** Namespace -> its rules under the snapshot that was seen last. */
  private rules = new Map<string, Rules>();
  /** The same under the one before. */
  private before = new Map<string, Rules>();

  constructor(snapshot: () => Policies) {
    this.snapshot = snapshot;
  }

  policy(name: string): Result<Policy> | undefined {
    this.look();
    return this.entries.get(name)?.policy;
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
    this.entries = new Map(Array.from(now.objects ?? [], ([name, object]) => [name, this.entryOf(object)]));
    return now;
  }

  private entryOf(object: object): Entry {
    const known = this.read.get(object) ?? readEntry(object);
    this.read.set(object, known);
    return known;
  }

  /** True where some policy tells namespaces apart by more than their names. */
  private needsLabels(): boolean {
    const keys = [...this.entries.values()].flatMap(({ selector }) => [
      ...Object.keys(selector?.matchLabels ?? {}),
      ...(selector?.matchExpressions ?? []).map(({ key }) => key),
    ]);
    return keys.some((key) => key !== NAMESPACE_NAME_LABEL);
  }

  private find(namespace: string, { objects, problem, labels }: Policies): Rules {
    if (objects === undefined) return { known: false, policies: [], why: problem ?? "the WasmPolicies are still being read" };
    if (objects.size === 0) return NO_RULES;
    const given = labels(namespace) ?? (this.needsLabels() ? undefined : {});
    if (given === undefined) return { known: false, policies: [], why: `the labels of namespace ${namespace} are not known yet` };
    const policies: Policy[] = [];
    let why: string | undefined;
    for (const [name, { policy, selector }] of this.entries) {
      if (selector !== undefined && !selectsNamespace(selector, namespace, given)) continue;
      if (policy.ok) policies.push(policy.value);
      else why ??= `WasmPolicy ${name} cannot be read: ${policy.error.message}`;
    }
    if (why !== undefined) return { known: false, policies, why };
    return policies.length === 0 ? NO_RULES : { known: true, policies };
  }
}

function readEntry(object: object): Entry {
  const policy = parsePolicy(object);
  return { policy, selector: policy.ok ? policy.value.namespaces : readNamespaceSelector(object) };
}

/** True where a policy with this selector is for the namespace. Its name is a label that nobody can change. */
export function selectsNamespace(selector: LabelSelector, name: string, labels: Readonly<Record<string, string>>): boolean {
  return selects(selector, { ...labels, [NAMESPACE_NAME_LABEL]: name });
}

function isSame(a: Rules, b: Rules): boolean {
  if ((a.known ? undefined : a.why) !== (b.known ? undefined : b.why)) return false;
  return a.policies.length === b.policies.length && a.policies.every((policy, index) => policy === b.policies[index]);
}
