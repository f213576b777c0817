import { age } from "../../base/elapsed.ts";
import { fieldsOf, recordsOf } from "../../base/json.ts";
import { count, oneLine } from "../../base/text.ts";
import type { WasmPolicy, WasmPolicySpec, WasmPolicyStatusCondition } from "../../model/gen/wasmpolicy.ts";
import type { Paint } from "./paint.ts";
import { table } from "./table.ts";

export interface PolicyTable {
  readonly now: number;
  /** With the namespaces and the rules of each. */
  readonly isWide: boolean;
  /** False: statuses could not be read, so one that is absent says nothing. */
  readonly knowsStatus: boolean;
}

/** What `weir get wasmpolicies` prints: the columns of `kubectl get wpol`. */
export function renderPolicies(policies: readonly WasmPolicy[], { now, isWide, knowsStatus }: PolicyTable): string {
  const head = ["NAME", "MODE", "FILTERS", "VIOLATING", "ACCEPTED", "AGE", ...(isWide ? ["NAMESPACES", "RULES"] : [])];
  const rows = policies.map(({ metadata, spec, status }) => [
    metadata.name,
    modeOf(spec),
    numberOf(status?.filters),
    numberOf(status?.violating),
    find(status?.conditions, "Accepted")?.status ?? (knowsStatus ? "Unknown" : "NotKnown"),
    age(metadata.creationTimestamp, now),
    ...(isWide
      ? [
          namespacesOf(spec),
          rulesOf(spec)
            .map(([name]) => name)
            .join(","),
        ]
      : []),
  ]);
  return `${table(head, rows).join("\n")}\n`;
}

/** What `weir describe wasmpolicy` prints: for whom, what it asks for, and what it refuses or audits now. */
export function renderPolicy(policy: WasmPolicy, { now, knowsStatus }: Pick<PolicyTable, "now" | "knowsStatus">, paint: Paint): string {
  const { spec, status } = policy;
  const conditions = (status?.conditions ?? []).map(({ type, status: is, reason, message, lastTransitionTime }) => [
    ...[type, is, age(lastTransitionTime, now)],
    ...[reason, message],
  ]);
  const sections = [
    [headline(policy, knowsStatus, paint)],
    [`${paint.strong("Namespaces")}  ${oneLine(namespacesOf(spec))}`],
    [paint.strong("Rules"), ...table(undefined, rulesOf(spec), "  ")],
    violations(policy, paint),
    conditions.length === 0
      ? []
      : [paint.strong("Conditions"), ...table(["TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"], conditions, "  ")],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function headline({ metadata, spec, status }: WasmPolicy, knowsStatus: boolean, paint: Paint): string {
  const name = `${paint.strong(metadata.name)} (${modeOf(spec)})`;
  const accepted = find(status?.conditions, "Accepted");
  if (accepted === undefined)
    return knowsStatus
      ? `${name}  ${paint.busy("no status yet")}: no Weir has written one of this spec`
      : `${name}  ${paint.busy("status not known")}: the server that has it does not answer`;
  if (accepted.status !== "True") return `${name}  ${paint.bad("Not accepted")} (${accepted.reason}): ${oneLine(accepted.message)}`;
  const satisfied = find(status?.conditions, "Satisfied");
  if (satisfied === undefined) return `${name}  ${paint.good("Accepted")}`;
  const word = satisfied.status === "True" ? paint.good(satisfied.reason) : paint.bad(satisfied.reason);
  return `${name}  ${word}: ${oneLine(satisfied.message)}`;
}

/** Which filters violate it, and how. */
function violations({ spec, status }: WasmPolicy, paint: Paint): string[] {
  const named = status?.violations ?? [];
  if (named.length === 0) return [];
  const title = modeOf(spec) === "Audit" ? "Audits" : "Refuses";
  const more = (status?.violating ?? named.length) - named.length;
  const rest = more > 0 ? [`  and ${count(more, "more filter")}; \`weir get -A\` and their condition Permitted tell`] : [];
  const rows = named.map(({ namespace, name, message }) => [`${namespace}/${name}`, message]);
  return [paint.strong(title), ...table(undefined, rows, "  "), ...rest];
}

/** What the CRD takes for absent. */
function modeOf(spec: WasmPolicySpec | undefined): string {
  return spec?.mode ?? "Enforce";
}

function numberOf(value: number | undefined): string {
  return value === undefined ? "-" : String(value);
}

function find(conditions: readonly WasmPolicyStatusCondition[] | undefined, type: string): WasmPolicyStatusCondition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** `team=payments,tier notin (a, b)`, as kubectl prints selectors. A spec from a folder may be wrong in any way. */
function namespacesOf(spec: WasmPolicySpec | undefined): string {
  const { matchLabels, matchExpressions } = fieldsOf(spec?.namespaceSelector);
  const labels = Object.entries(fieldsOf(matchLabels)).map(([key, value]) => `${key}=${value}`);
  const expressions = recordsOf(matchExpressions).map(({ key, operator, values }) => {
    if (operator === "Exists") return `${key}`;
    return operator === "DoesNotExist" ? `!${key}` : `${key} ${String(operator).toLowerCase()} (${[values].flat().join(", ")})`;
  });
  return [...labels, ...expressions].join(",") || "every namespace";
}

const NO_RULES = ["namespaceSelector", "mode"];

/** What the policy asks for, by the field of its spec. */
function rulesOf(spec: WasmPolicySpec | undefined): [name: string, value: string][] {
  return Object.entries(spec ?? {})
    .filter(([name]) => !NO_RULES.includes(name))
    .map(([name, value]) => [name, name === "images" ? recordsOf(value).map(imageOf).join(" | ") : shown(value)]);
}

function imageOf({ pattern, digestOnly, verify }: Readonly<Record<string, unknown>>): string {
  const signatures = recordsOf(verify).length;
  const demands = [...(digestOnly === true ? ["digests only"] : []), ...(signatures > 0 ? [count(signatures, "signature")] : [])];
  return demands.length === 0 ? `${pattern}` : `${pattern} (${demands.join(", ")})`;
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(String).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
